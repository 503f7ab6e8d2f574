import { MANIFEST_BUNDLES } from 'ce-broker-proto';

/** What holds for a data type: who writes its specs, what is kept of it, how a deletion is confirmed. */
export interface DataTypePolicy {
  /**
   * `source`: specs go from sources to agents (the default). `agent`: specs go from agents to sources.
   * `ambiguous`: question and answer look alike, so specs need a service or an identity with a role, and are refused otherwise.
   */
  readonly writer: 'source' | 'agent' | 'ambiguous';
  /** `durable`: kept in the store. `latest`: kept in memory. `none`: relayed and never kept. */
  readonly keep: 'durable' | 'latest' | 'none';
  /** `deleted-condition`: a status with the condition Deleted. `absence`: the agent's next full list lacks the id. */
  readonly deletion: 'deleted-condition' | 'absence';
  /** Payloads never appear in logs, status pages and commands. */
  readonly secret: boolean;
}

export const DEFAULT_POLICY: DataTypePolicy = Object.freeze({
  writer: 'source',
  keep: 'durable',
  deletion: 'absence',
  secret: false,
});

/** The data types of Open Cluster Management, as the clients of sdk-go v1.3 use them. */
const BUILT_IN: readonly (readonly [string, Partial<DataTypePolicy>])[] = [
  [MANIFEST_BUNDLES, { deletion: 'deleted-condition' }],
  ['io.open-cluster-management.works.v1alpha1.manifests', { deletion: 'deleted-condition' }],
  ['coordination.k8s.io.v1.leases', { writer: 'agent', keep: 'latest' }],
  ['certificates.k8s.io.v1.certificatesigningrequests', { writer: 'agent', keep: 'latest' }],
  ['cluster.open-cluster-management.io.v1.managedclusters', { writer: 'agent' }],
  ['events.k8s.io.v1.events', { writer: 'agent', keep: 'none' }],
  ['authentication.k8s.io.v1.tokenrequests', { writer: 'ambiguous', keep: 'none', secret: true }],
];

/** Looks policies up by data type: the caller's first, then the built-in ones, then the default. */
export class DataTypePolicies {
  readonly #policies = new Map<string, DataTypePolicy>();

  constructor(own: Readonly<Record<string, Partial<DataTypePolicy>>> = {}) {
    for (const [dataType, policy] of BUILT_IN) this.#set(dataType, policy);
    for (const [dataType, policy] of Object.entries(own)) this.#set(dataType, policy);
  }

  of(dataType: string): DataTypePolicy {
    return this.#policies.get(dataType) ?? DEFAULT_POLICY;
  }

  #set(dataType: string, policy: Partial<DataTypePolicy>): void {
    this.#policies.set(
      dataType,
      Object.freeze({ ...DEFAULT_POLICY, ...this.#policies.get(dataType), ...policy }),
    );
  }
}
