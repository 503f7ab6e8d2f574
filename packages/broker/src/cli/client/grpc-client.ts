import {
  type ChannelCredentials,
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
} from '@grpc/grpc-js';
import {
  CeBrokerError,
  encodePublishRequest,
  encodeSubscriptionRequest,
  type TransportSubscribeRequest,
} from 'ce-broker-proto';
import type { ConnectionSettings } from './connection-options.js';
import { whyUnreachable } from './unreachable.js';

const SERVICE = '/io.cloudevents.v1.CloudEventService';
const MAX_RECEIVE_BYTES = 64 * 1024 * 1024;

const asItIs = (bytes: Buffer): Buffer => bytes;

/** What a subscription reports; after `onEnd` nothing comes any more. */
export interface SubscriptionListener {
  /** The server has registered the subscription. */
  onOpen(): void;
  onEvent(bytes: Buffer): void;
  /** Undefined when the server ended the stream with OK. */
  onEnd(error: CeBrokerError | undefined): void;
}

/** A subscription from this side; what is paused waits at the server. */
export interface OpenSubscription {
  pause(): void;
  resume(): void;
  cancel(): void;
}

/** A small client of the CloudEvents service, in bytes: what the commands need, and no more. */
export class GrpcClient {
  private readonly client: Client;
  private readonly metadata: Metadata;
  private readonly server: string;
  private readonly encrypted: boolean;
  private readonly timeoutMs: number;

  constructor(settings: ConnectionSettings, timeoutMs: number) {
    this.server = settings.server;
    this.encrypted = settings.tls !== undefined;
    this.timeoutMs = timeoutMs;
    this.client = new Client(settings.server, channelCredentials(settings), {
      'grpc.max_receive_message_length': MAX_RECEIVE_BYTES,
      'grpc.max_send_message_length': -1,
      // A peer that vanished without a word is noticed after 30 seconds.
      'grpc.keepalive_time_ms': 20_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.enable_retries': 0,
    });
    this.metadata = new Metadata();
    if (settings.token !== undefined) this.metadata.set('authorization', `Bearer ${settings.token}`);
  }

  /** Publishes one encoded event. Rejects with the server's answer. */
  publish(event: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        `${SERVICE}/Publish`,
        asItIs,
        asItIs,
        encodePublishRequest(event),
        this.metadata,
        { deadline: Date.now() + this.timeoutMs },
        (error) => (error === null ? resolve() : reject(this.explain(error))),
      );
    });
  }

  subscribe(request: TransportSubscribeRequest, listener: SubscriptionListener): OpenSubscription {
    const stream: ClientReadableStream<Buffer> = this.client.makeServerStreamRequest(
      `${SERVICE}/Subscribe`,
      asItIs,
      asItIs,
      encodeSubscriptionRequest(request),
      this.metadata,
    );
    let ended = false;
    let failure: CeBrokerError | undefined;
    const finish = () => {
      clearTimeout(silence);
      if (!ended) listener.onEnd(failure);
      ended = true;
    };
    // The headers come at once or never: a server that stays silent would leave the user waiting for nothing.
    const silence = setTimeout(() => {
      failure = new CeBrokerError(
        'deadline_exceeded',
        `${this.server} did not answer within ${this.timeoutMs / 1000} s`,
      );
      finish();
      stream.cancel();
    }, this.timeoutMs);
    stream.on('metadata', () => {
      clearTimeout(silence);
      if (!ended) listener.onOpen();
    });
    stream.on('data', (bytes: Buffer) => {
      if (!ended) listener.onEvent(bytes);
    });
    // The failure is told before the events that wait in the stream have been read: they come first.
    stream.on('error', (error: unknown) => {
      failure ??= this.explain(error);
    });
    stream.on('end', finish);
    return {
      pause: () => stream.pause(),
      resume: () => stream.resume(),
      cancel: () => {
        ended = true;
        clearTimeout(silence);
        stream.cancel();
      },
    };
  }

  close(): void {
    this.client.close();
  }

  private explain(error: unknown): CeBrokerError {
    const known = CeBrokerError.from(error);
    if (known.code !== 'unavailable') return known;
    return new CeBrokerError('unavailable', whyUnreachable(this.server, known.message, this.encrypted), {
      cause: error,
    });
  }
}

function channelCredentials({ tls }: ConnectionSettings): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  return credentials.createSsl(tls.ca, tls.key ?? null, tls.cert ?? null);
}
