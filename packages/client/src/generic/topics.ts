import type { SubResource } from 'ce-broker-proto';

/** What should be (Go: `types.SubResourceSpec`). */
export const SUB_RESOURCE_SPEC: SubResource = 'spec';
/** What is (Go: `types.SubResourceStatus`). */
export const SUB_RESOURCE_STATUS: SubResource = 'status';

/**
 * The forms of MQTT topics of the SDK, either kind of events: `sources/source1/clusters/+/agentevents`, with `$share/<group>/` before
 * it or not (Go: `types.EventsTopicPattern`). Groups: the share, the first word, the source, the second word, the cluster, the kind.
 */
export const EVENTS_TOPIC_PATTERN =
  /^(\$share\/[a-z0-9-]+\/)?([a-z]+)\/([a-z0-9-]+|\+)\/([a-z]+)\/([a-z0-9-]+|\+)\/(sourceevents|agentevents)$/;
/** Go: `types.SourceEventsTopicPattern`. */
export const SOURCE_EVENTS_TOPIC_PATTERN =
  /^(\$share\/[a-z0-9-]+\/)?([a-z]+)\/([a-z0-9-]+|\+)\/([a-z]+)\/([a-z0-9-]+|\+)\/sourceevents$/;
/** Go: `types.AgentEventsTopicPattern`. */
export const AGENT_EVENTS_TOPIC_PATTERN =
  /^(\$share\/[a-z0-9-]+\/)?([a-z]+)\/([a-z0-9-]+|\+)\/([a-z]+)\/([a-z0-9-]+|\+)\/agentevents$/;
/** `sources/source1/sourcebroadcast` (Go: `types.SourceBroadcastTopicPattern`). */
export const SOURCE_BROADCAST_TOPIC_PATTERN =
  /^(\$share\/[a-z0-9-]+\/)?([a-z]+)\/([a-z0-9-]+|\+)\/sourcebroadcast$/;
/** `clusters/cluster1/agentbroadcast` (Go: `types.AgentBroadcastTopicPattern`). */
export const AGENT_BROADCAST_TOPIC_PATTERN =
  /^(\$share\/[a-z0-9-]+\/)?([a-z]+)\/([a-z0-9-]+|\+)\/agentbroadcast$/;

/** The topics of a source or an agent over MQTT (Go: `types.Topics`). */
export interface Topics {
  /** From sources to agents: `sources/source1/clusters/+/sourceevents`. */
  readonly sourceEvents: string;
  /** From agents to sources: `sources/source1/clusters/+/agentevents`. */
  readonly agentEvents: string;
  /** From a source to all agents: `sources/source1/sourcebroadcast`. Default: none, and then a source cannot ask all agents at once. */
  readonly sourceBroadcast?: string | undefined;
  /** From an agent to all sources: `clusters/cluster1/agentbroadcast`. Default: none; then it asks them through `agentEvents`. */
  readonly agentBroadcast?: string | undefined;
}
