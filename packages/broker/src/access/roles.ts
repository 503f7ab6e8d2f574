import type { Identity } from './identity.js';

/** Which identities are sources and which are agents: user names or group names. */
export interface RolePolicy {
  readonly sources: readonly string[];
  readonly agents: readonly string[];
}

/** Gives identities the role that policy says; one that is named as both, or as neither, has none. */
export class Roles {
  readonly #sources: ReadonlySet<string>;
  readonly #agents: ReadonlySet<string>;

  constructor(policy: RolePolicy = { sources: [], agents: [] }) {
    this.#sources = new Set(policy.sources);
    this.#agents = new Set(policy.agents);
  }

  identity(user: string, groups: readonly string[]): Identity {
    const source = isNamed(this.#sources, user, groups);
    const agent = isNamed(this.#agents, user, groups);
    const role = source === agent ? undefined : source ? 'source' : 'agent';
    return Object.freeze({ user, groups: Object.freeze([...groups]), role });
  }
}

function isNamed(names: ReadonlySet<string>, user: string, groups: readonly string[]): boolean {
  return names.has(user) || groups.some((group) => names.has(group));
}
