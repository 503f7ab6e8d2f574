import type { Channel, Metadata } from '@grpc/grpc-js';

/** What a transport stands on. */
export interface GrpcConnection {
  /** Names the server in messages. */
  readonly server: string;
  /** Connected. */
  readonly channel: Channel;
  /** What goes out with the next call: the token, where there is one. */
  metadata(): Metadata;
  /** Lets go of the connection. */
  release(): void;
  /** Whether the extension service is looked for. */
  readonly extension: 'auto' | 'off';
}
