import type { CloudEventTransport } from 'ce-broker-proto';

/** How a client reaches its server (Go: `options.CloudEventsOptions`). */
export interface CloudEventsOptions {
  /** Names the server in messages: `grpc 127.0.0.1:8090`, `in-process`. */
  readonly server: string;
  /**
   * Opens a fresh connection, and resolves once the server has answered (Go: `Protocol`, which resolves before that). Rejects with a
   * CeBrokerError that says what is wrong and what to do. The client calls it again after each loss.
   */
  connect(context: ConnectContext): Promise<CloudEventTransport>;
  /**
   * What can be told wrong before there is a connection (files that cannot be read, say): called once when a client is made, which
   * fails with what it rejects with.
   */
  check?(): Promise<void>;
  /**
   * Without a heartbeat for so long a subscription counts as lost (Go v1.3: `serverHealthinessTimeout`), in milliseconds. Default: the
   * client finds the server's interval out for itself.
   */
  readonly heartbeatTimeoutMs?: number | undefined;
}

/** What an attempt to connect is given. */
export interface ConnectContext {
  /** Gives the attempt up. */
  readonly signal: AbortSignal;
  /** The client gives it up after so many milliseconds: a transport that fails a little earlier can say what was waited for. */
  readonly timeoutMs?: number | undefined;
}

/** How many events a client sends per second (Go: `options.EventRateLimit`). */
export interface EventRateLimit {
  /** Events per second; `Infinity`: no limit. Default, and for values of 0 or less, 50. */
  readonly qps?: number | undefined;
  /** Events that may go out at once after a pause. Default, and for values of 0 or less, 100. */
  readonly burst?: number | undefined;
}

/** Go: `options.CloudEventsSourceOptions`. */
export interface CloudEventsSourceOptions {
  /** How it reaches its server. */
  readonly cloudEventsOptions: CloudEventsOptions;
  /** Who publishes the specs: the `source` of its events, and the owner of its resources. */
  readonly sourceId: string;
  /** How fast it sends. Default: 50 events per second, 100 at once. */
  readonly rateLimit?: EventRateLimit | undefined;
}

/** Go: `options.CloudEventsAgentOptions`. */
export interface CloudEventsAgentOptions {
  /** How it reaches its server. */
  readonly cloudEventsOptions: CloudEventsOptions;
  /** Who publishes the statuses: the `source` of the agent's events. */
  readonly agentId: string;
  /** Whose specs it gets. */
  readonly clusterName: string;
  /** How fast it sends. Default: 50 events per second, 100 at once. */
  readonly rateLimit?: EventRateLimit | undefined;
}
