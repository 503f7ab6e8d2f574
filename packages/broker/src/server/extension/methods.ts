import {
  CeBrokerError,
  decodeWatchRequest,
  ExtensionFeature,
  ExtensionPath,
  encodeDescription,
} from 'ce-broker-proto';
import type { BidiStream, RpcMethods, ServerStream, UnaryCall } from '../../rpc/index.js';
import { clipStatus } from '../clip.js';
import { type MethodParts, noteRefusal, refuse, tooManySubscriptions } from '../methods.js';
import { refuseOtherRole } from '../peers.js';
import { brokerVersion } from '../version.js';
import { PublishStream, windowBytes } from './publish-stream.js';
import { WatchFrames, WatchStream } from './watch-stream.js';

/** Streams of publishes that one connection may have open: each may hold a window of the connection. */
const MOST_PUBLISH_STREAMS = 8;

/** The extension service (`ce_broker/v1/broker.proto`), in bytes, over any engine. */
export function extensionMethods(parts: MethodParts): RpcMethods {
  const frames = new WatchFrames();
  return {
    [ExtensionPath.describe]: { kind: 'unary', handle: (call) => describe(parts, call) },
    [ExtensionPath.publishStream]: { kind: 'bidi-stream', open: (stream) => publishStream(parts, stream) },
    [ExtensionPath.watch]: {
      kind: 'server-stream',
      open: (stream, request) => watch(parts, frames, stream, request),
    },
  };
}

function describe(parts: MethodParts, call: UnaryCall): void {
  const { core, maxMessageBytes } = parts;
  try {
    parts.peers.of(call);
    const { options } = core.view;
    const { publishStream, watch: canWatch, resume } = ExtensionFeature;
    call.reply(
      encodeDescription({
        version: brokerVersion(),
        ...core.point,
        features: options.keepState ? [publishStream, canWatch, resume] : [publishStream, canWatch],
        limits: {
          maxMessageBytes,
          publishWindowBytes: windowBytes(maxMessageBytes),
          publishTimeoutMs: options.publishTimeoutMs,
          heartbeatIntervalMs: options.heartbeatIntervalMs,
          receiverMaxBytes: options.receiverMaxBytes,
        },
      }),
    );
  } catch (thrown) {
    const error = CeBrokerError.from(thrown, 'internal');
    noteRefusal(parts, error, call.peer.address);
    call.fail(error.grpcCode, clipStatus(error.message));
  }
}

function publishStream(parts: MethodParts, stream: BidiStream): void {
  try {
    const peer = parts.peers.of(stream);
    if (parts.core.view.draining)
      throw new CeBrokerError('unavailable', 'the broker is shutting down: publish again when connected');
    if (peer.publishStreams >= MOST_PUBLISH_STREAMS) {
      throw new CeBrokerError(
        'resource_exhausted',
        `this connection has ${MOST_PUBLISH_STREAMS} streams of publishes open, and may have no more: one carries any number of events`,
      );
    }
    new PublishStream(stream, peer, parts).begin();
  } catch (thrown) {
    const error = CeBrokerError.from(thrown, 'internal');
    noteRefusal(parts, error, stream.peer.address);
    stream.end(error.grpcCode, clipStatus(error.message));
  }
}

function watch(parts: MethodParts, frames: WatchFrames, stream: ServerStream, bytes: Uint8Array): void {
  const { clock, core, traffic } = parts;
  let tally = traffic.unknown;
  try {
    const request = decodeWatchRequest(bytes);
    tally = traffic.of(
      request.clusterName,
      request.dataTypes.length === 1 ? (request.dataTypes[0] ?? '') : '',
    );
    tally.subscriptions += 1;
    const peer = parts.peers.of(stream);
    refuseOtherRole(peer.identity, request.clusterName);
    if (peer.subscriptions >= parts.maxSubscriptionsPerConnection)
      throw tooManySubscriptions(parts.maxSubscriptionsPerConnection);
    const outlet = new WatchStream(stream, peer, parts, tally, frames);
    stream.listener = outlet;
    try {
      outlet.start(core.watch(outlet, request, peer.identity, clock.now()), parts.newId());
    } catch (thrown) {
      refuse(parts, outlet, stream, thrown);
    }
  } catch (thrown) {
    tally.end(CeBrokerError.from(thrown, 'internal').grpcCode);
    refuse(parts, stream, stream, thrown);
  }
}
