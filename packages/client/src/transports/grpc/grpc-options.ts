import type { Logger } from 'ce-broker-proto';

/**
 * How to reach a server over gRPC (Go: `grpc.GRPCOptions`). The names are those of the configuration file; durations are in
 * milliseconds here. Without a CA the connection is plain text; with one it is TLS 1.3.
 */
export interface GrpcOptions {
  /** Tells this kind of configuration from others. Default `'grpc'`. */
  readonly type?: 'grpc' | undefined;
  /** `HOST:PORT`, `[::1]:PORT`, or what gRPC calls `dns:///HOST:PORT` and `unix:PATH`. */
  readonly url: string;
  /** PEM file of CAs that are trusted beside the system's. */
  readonly caFile?: string | undefined;
  /** Its content, in PEM or in base64 of PEM. */
  readonly caData?: string | Uint8Array | undefined;
  /** PEM file of a client certificate, intermediates after it. Needs the key and a CA. */
  readonly clientCertFile?: string | undefined;
  readonly clientCertData?: string | Uint8Array | undefined;
  /** PEM file of its private key, without a passphrase. */
  readonly clientKeyFile?: string | undefined;
  readonly clientKeyData?: string | Uint8Array | undefined;
  /**
   * File of a bearer token, sent as `authorization: Bearer` with each call, beside a client certificate too (as Go v1.3; v0.15 then
   * sends none). White space around it is left out; Go sends it. Needs a CA.
   */
  readonly tokenFile?: string | undefined;
  readonly token?: string | undefined;
  /** Sends the token even in plain text: for servers on this machine. Default `false`. */
  readonly plainTextToken?: boolean | undefined;
  readonly keepAliveConfig?: KeepAliveConfig | undefined;
  /** Without a heartbeat for so long a subscription counts as lost. Default: the client finds the server's interval out. */
  readonly serverHealthinessTimeoutMs?: number | undefined;
  /**
   * How long one attempt to connect may take. Default: 0.8 of the client's own `connectTimeoutMs`, so that the error can say what was waited
   * for; 8,000 without a client. More than the client's has no effect.
   */
  readonly connectTimeoutMs?: number | undefined;
  /** The largest event that is taken. Default 4 MiB, as in Go. */
  readonly maxReceiveBytes?: number | undefined;
  /** How often the files are looked at for new content. Default 10,000; 0: only when connecting. */
  readonly watchIntervalMs?: number | undefined;
  /**
   * `auto`: where the server has the extension service of ce-broker, publishes share one stream and subscriptions resume; it is asked once
   * per connection. `off`: it is not asked. Default `auto`.
   */
  readonly extension?: 'auto' | 'off' | undefined;
  /** What the options are called in messages, for callers who take them under other names (`{ url: '--server' }`). */
  readonly names?: Partial<GrpcOptionNames> | undefined;
  /** Told when files on disk cannot be used. Default: silent. */
  readonly logger?: Logger | undefined;
}

/**
 * Pings that find out whether the server is still there (Go: `KeepAliveConfig`). On by default, unlike in Go: a server that vanished
 * without a word is noticed after `timeMs` + `timeoutMs`. Servers of the SDK allow a ping every 5 s, and so does ce-broker. A Go server
 * without an enforcement policy of its own allows one in 5 minutes, and three between two of its messages: where one sends no heartbeats
 * it ends such connections (`too_many_pings`), and `timeMs` must be raised.
 */
export interface KeepAliveConfig {
  /** Default `true`. */
  readonly enable?: boolean | undefined;
  /** Silence before a ping. Default 20,000, least 10,000 (as in Go). */
  readonly timeMs?: number | undefined;
  /** How long its answer may take. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Pings while nothing is subscribed or published, too. Default `false`. */
  readonly permitWithoutStream?: boolean | undefined;
}

/** The options that messages name. */
export interface GrpcOptionNames {
  readonly url: string;
  readonly ca: string;
  readonly clientCert: string;
  readonly clientKey: string;
  readonly token: string;
}

/** How messages call the options: by the given names, else by the field that is set. */
export function optionNames(options: GrpcOptions): GrpcOptionNames {
  return {
    url: 'url',
    ca: options.caData === undefined ? 'caFile' : 'caData',
    clientCert: options.clientCertData === undefined ? 'clientCertFile' : 'clientCertData',
    clientKey: options.clientKeyData === undefined ? 'clientKeyFile' : 'clientKeyData',
    token: options.token === undefined ? 'tokenFile' : 'token',
    ...options.names,
  };
}
