import { Channel, type ChannelOptions, connectivityState, Metadata, type StatusObject } from '@grpc/grpc-js';
import { CeBrokerError } from 'ce-broker-proto';
import type { ConnectContext } from '../cloud-events-options.js';
import { Connector } from './connector.js';
import type { CredentialSource } from './credential-source.js';
import type { Credentials } from './credentials.js';
import { type GrpcOptions, optionNames } from './grpc-options.js';
import { GrpcTransport } from './grpc-transport.js';
import { parseTarget, type Target } from './target.js';
import { type FailedConnection, whySilent, whyUnreachable } from './why-unreachable.js';

const CONNECT_TIMEOUT_MS = 8_000;
const CONNECT_SHARE = 0.8;
const MAX_RECEIVE_BYTES = 4 * 1024 * 1024;
/** What a paused subscription holds at most, and what a server far away may have under way: HTTP/2's 64 KiB make a resync slow. */
const WINDOW_BYTES = 1024 * 1024;
const PING_AFTER_MS = 20_000;
const PING_TIMEOUT_MS = 10_000;
const LEAST_PING_AFTER_MS = 10_000;
/** A closed connection whose peer does not answer is gone after this. */
const LINGER_MS = 1_000;

/**
 * Opens a connection of its own, and resolves when the server has answered on it. Rejects with a CeBrokerError that says what is
 * wrong, which option to look at (`field`), and what to do.
 */
export async function dialGrpc(
  options: GrpcOptions,
  { signal, timeoutMs }: Partial<ConnectContext> | undefined = {},
  source: CredentialSource,
): Promise<GrpcTransport> {
  const names = optionNames(options);
  const target = parseTarget(options.url, names.url);
  const credentials = await source.load();
  if (signal?.aborted === true) throw CeBrokerError.from(signal.reason, 'cancelled');
  const connector = new Connector(target, credentials.tls);
  const channel = new Channel(target.grpc, connector, channelOptions(options, target));
  const failed = (details: string): FailedConnection => ({
    server: options.url,
    names,
    encrypted: connector.encrypted,
    identified: credentials.tls?.client !== undefined,
    phase: connector.phase,
    error: connector.error,
    details,
  });
  const release = (): void => {
    channel.close();
    if (!connector.disconnected) setTimeout(() => connector.destroy(), LINGER_MS).unref();
  };
  try {
    await ready(channel, failed, options.connectTimeoutMs ?? ownTimeout(timeoutMs), signal);
  } catch (thrown) {
    channel.close();
    connector.destroy();
    throw thrown;
  }
  return begin(options, channel, connector, credentials, source, release);
}

/** A little less than the client waits, so that the error can say what was waited for. */
function ownTimeout(timeoutMs: number | undefined): number {
  return timeoutMs === undefined ? CONNECT_TIMEOUT_MS : Math.max(1, Math.floor(timeoutMs * CONNECT_SHARE));
}

function begin(
  options: GrpcOptions,
  channel: Channel,
  connector: Connector,
  credentials: Credentials,
  source: CredentialSource,
  release: () => void,
): GrpcTransport {
  const server = options.url;
  let metadata = metadataOf(credentials.token);
  const transport = new GrpcTransport({
    server,
    channel,
    metadata: () => metadata,
    extension: options.extension ?? 'auto',
    release: () => {
      watch.stop();
      release();
    },
  });
  const watch = source.watch(credentials, {
    token: (token) => {
      metadata = metadataOf(token);
    },
    tls: (error) => transport.end({ kind: 'renew', error }),
  });
  const lost = (): void => {
    watch.stop();
    const error = connector.error;
    const how =
      error === undefined ? 'the server has closed it, is about to, or no longer answers' : error.message;
    transport.end({
      kind: 'lost',
      error: new CeBrokerError('unavailable', `the connection to ${server} was lost: ${how}`, {
        cause: error,
      }),
    });
  };
  if (channel.getConnectivityState(false) !== connectivityState.READY) lost();
  else channel.watchConnectivityState(connectivityState.READY, Number.POSITIVE_INFINITY, lost);
  return transport;
}

function metadataOf(token: string | undefined): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

function channelOptions(options: GrpcOptions, target: Target): ChannelOptions {
  const { enable = true, timeMs, timeoutMs, permitWithoutStream = false } = options.keepAliveConfig ?? {};
  return {
    'grpc.max_receive_message_length': options.maxReceiveBytes ?? MAX_RECEIVE_BYTES,
    'grpc.max_send_message_length': -1,
    'grpc-node.flow_control_window': WINDOW_BYTES,
    // One channel is one connection: it is not shared, and not opened again.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': 3_600_000,
    'grpc.max_reconnect_backoff_ms': 3_600_000,
    'grpc.client_idle_timeout_ms': 2_147_483_647,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_channelz': 0,
    ...(target.local && { 'grpc.enable_http_proxy': 0 }),
    ...(enable && {
      'grpc.keepalive_time_ms': Math.max(timeMs ?? PING_AFTER_MS, LEAST_PING_AFTER_MS),
      'grpc.keepalive_timeout_ms': timeoutMs ?? PING_TIMEOUT_MS,
      'grpc.keepalive_permit_without_calls': permitWithoutStream ? 1 : 0,
    }),
  };
}

/** Settles at the channel's first answer, whichever it is. */
function ready(
  channel: Channel,
  failed: (details: string) => FailedConnection,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let over = false;
    const settle = (error?: CeBrokerError): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
      if (error === undefined) resolve();
      else reject(error);
    };
    const aborted = (): void => settle(CeBrokerError.from(signal?.reason, 'cancelled'));
    const timer = setTimeout(() => settle(whySilent(failed(''), timeoutMs)), timeoutMs);
    signal?.addEventListener('abort', aborted, { once: true });
    const look = (): void => {
      if (over) return;
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) settle();
      else if (state === connectivityState.TRANSIENT_FAILURE) {
        askWhy(channel, (details) => settle(whyUnreachable(failed(details))));
      } else channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, look);
    };
    look();
  });
}

/** A channel tells why it failed only to a call. This one never leaves: the channel does not connect again. */
function askWhy(channel: Channel, told: (details: string) => void): void {
  const call = channel.createCall('/grpc.health.v1.Health/Check', Number.POSITIVE_INFINITY, null, null, null);
  call.start(new Metadata(), {
    onReceiveMetadata: () => undefined,
    onReceiveMessage: () => undefined,
    onReceiveStatus: ({ details }: StatusObject) => told(details),
  });
}
