import { encodePublishRequest, encodeSubscriptionRequest } from 'ce-broker-proto';
import { grpcFrame, SERVICE } from '../grpc-connection.js';
import { specEvent, WIDGETS } from '../model-events.js';
import {
  CANCEL,
  CONTINUATION,
  callFields,
  DATA,
  data,
  END_HEADERS,
  END_STREAM,
  frame,
  HEADERS,
  headers,
  INITIAL_WINDOW_SIZE,
  PING,
  PREFACE,
  PRIORITY,
  reset,
  settings,
  windowUpdate,
} from './frames.js';
import type { RawOptions, RawPeer } from './raw-peer.js';

const PUBLISH = `${SERVICE}/Publish`;
const SUBSCRIBE = `${SERVICE}/Subscribe`;
const NOTHING = Buffer.alloc(0);
const AT_ONCE = 200;
/** Who has sent so much of it, and still stands, has found no limit. */
const MOST_BYTES = 32 * 1024 * 1024;

/** Something that a peer does to take more than its share. */
export interface Abuse {
  readonly name: string;
  /** The options of the h2 engine that it goes over: the broker's log names one of them. */
  readonly option: RegExp;
  readonly peer?: RawOptions;
  /** It makes thousands of proper calls before it is over a limit, which others notice as they notice any load. */
  readonly load?: boolean;
  /** Goes on until the connection is over, or no more than a fixed amount is sent. */
  attack(peer: RawPeer): Promise<void>;
}

/** Sends batches of frames until the connection is over. `make` is called with the number of a frame, from 0. */
async function flood(peer: RawPeer, make: (index: number) => Buffer): Promise<void> {
  let index = 0;
  for (let sent = 0; sent < MOST_BYTES && !peer.over; ) {
    const batch = Buffer.concat(Array.from({ length: AT_ONCE }, () => make(index++)));
    sent += batch.length;
    await peer.send(batch);
    // The answer is read between two batches, as any client does.
    await new Promise(setImmediate);
  }
}

const publishHead = callFields(PUBLISH);
const unknownHead = callFields(`${SERVICE}/NoSuchMethod`);
const subscribeHead = callFields(SUBSCRIBE);
const subscribeBody = grpcFrame(
  encodeSubscriptionRequest({ source: '', clusterName: 'abuse', dataType: WIDGETS }),
);
const publishBody = grpcFrame(
  encodePublishRequest(
    specEvent({
      source: 'abuse',
      dataType: WIDGETS,
      action: 'update_request',
      cluster: 'nobody',
      id: 'abuse',
      version: 1,
      life: 1,
      deleting: false,
    }),
  ),
);

/** Opens a stream, and has us reset it by `wrong`. */
function provoked(name: string, wrong: (streamId: number) => Buffer, head = publishHead): Abuse {
  return {
    name: `made-you-reset: ${name}`,
    option: /provokedResetsPerSecond/,
    attack: (peer) =>
      flood(peer, () => {
        const streamId = peer.streamId();
        return Buffer.concat([headers(streamId, head), wrong(streamId)]);
      }),
  };
}

function publish(streamId: number): Buffer {
  return Buffer.concat([headers(streamId, publishHead), data(streamId, publishBody)]);
}

/** The same frame over and over. */
function repeated(name: string, option: RegExp, what: Buffer, peer?: RawOptions): Abuse {
  return { name, option, attack: (raw) => flood(raw, () => what), ...(peer === undefined ? {} : { peer }) };
}

const ping = frame(PING, 0, 0, Buffer.alloc(8));
/** Answers pile up until what one connection may leave unread is used up, or the rate is over before. */
const deaf: RawOptions = { deaf: true, silent: true };

/** For each of these the connection is closed with ENHANCE_YOUR_CALM. */
export const ABUSES: readonly Abuse[] = Object.freeze([
  {
    name: 'rapid reset of publishes',
    option: /resetsPerSecond/,
    attack: (peer) =>
      flood(peer, () => {
        const streamId = peer.streamId();
        return Buffer.concat([headers(streamId, publishHead), reset(streamId, CANCEL)]);
      }),
  },
  {
    name: 'rapid reset of subscriptions',
    option: /resetsPerSecond/,
    attack: (peer) =>
      flood(peer, () => {
        const streamId = peer.streamId();
        return Buffer.concat([
          headers(streamId, subscribeHead),
          data(streamId, subscribeBody),
          reset(streamId, CANCEL),
        ]);
      }),
  },
  provoked('WINDOW_UPDATE of 0', (streamId) => windowUpdate(streamId, 0)),
  provoked('a window over 2^31 - 1', (streamId) => windowUpdate(streamId, 0x7fffffff)),
  provoked(
    'DATA after END_STREAM',
    (streamId) => Buffer.concat([data(streamId, subscribeBody), data(streamId, Buffer.alloc(1))]),
    subscribeHead,
  ),
  provoked(
    'HEADERS after END_STREAM',
    (streamId) => Buffer.concat([data(streamId, subscribeBody), headers(streamId, NOTHING)]),
    subscribeHead,
  ),
  provoked('trailers without END_STREAM', (streamId) => headers(streamId, NOTHING)),
  provoked(
    'a content-length that lies',
    (streamId) => data(streamId, publishBody),
    callFields(PUBLISH, [['content-length', '1']]),
  ),
  provoked('a name in upper case', () => NOTHING, callFields(PUBLISH, [['Upper', 'case']])),
  provoked('a connection header', () => NOTHING, callFields(PUBLISH, [['connection', 'close']])),
  {
    name: 'PRIORITY of a stream on itself',
    // RFC 9113 takes priorities for deprecated: whether it is a reset each, or nothing, is the engine's to say.
    option: /PerSecond/,
    attack: (peer) =>
      flood(peer, () => {
        const streamId = peer.streamId();
        const onItself = Buffer.alloc(5);
        onItself.writeUInt32BE(streamId);
        return Buffer.concat([headers(streamId, publishHead), frame(PRIORITY, 0, streamId, onItself)]);
      }),
  },
  {
    name: 'CONTINUATION without end',
    option: /maxContinuationFrames/,
    attack: async (peer) => {
      const streamId = peer.streamId();
      await peer.send(headers(streamId, publishHead, 0));
      await flood(peer, () => frame(CONTINUATION, 0, streamId, NOTHING));
    },
  },
  {
    name: 'CONTINUATION full of fields, without end',
    option: /maxContinuationFrames|maxHeaderListBytes/,
    attack: async (peer) => {
      const streamId = peer.streamId();
      await peer.send(frame(HEADERS, END_STREAM, streamId, publishHead));
      const fields = Buffer.alloc(16_000, callFields('/x').subarray(0, 40));
      await flood(peer, () => frame(CONTINUATION, 0, streamId, fields));
    },
  },
  repeated('SETTINGS', /settingsPerSecond/, settings()),
  repeated('SETTINGS, answers unread', /settingsPerSecond/, settings(), deaf),
  repeated('PING', /pingsPerSecond|minClientPingInterval|too_many_pings/, ping),
  repeated('PING, answers unread', /pingsPerSecond|minClientPingInterval|too_many_pings/, ping, deaf),
  repeated('WINDOW_UPDATE of the connection', /windowUpdatesPerSecond/, windowUpdate(0, 1)),
  {
    name: 'WINDOW_UPDATE of a stream',
    option: /windowUpdatesPerSecond/,
    attack: async (peer) => {
      const streamId = peer.streamId();
      await peer.send(headers(streamId, publishHead));
      await flood(peer, () => windowUpdate(streamId, 1));
    },
  },
  {
    name: 'empty DATA',
    option: /emptyDataPerSecond/,
    attack: async (peer) => {
      const streamId = peer.streamId();
      await peer.send(headers(streamId, publishHead));
      await flood(peer, () => frame(DATA, 0, streamId));
    },
  },
  repeated('PRIORITY', /ignoredFramesPerSecond/, frame(PRIORITY, 0, 1, Buffer.from([0, 0, 0, 3, 0]))),
  repeated('frames of an unknown type', /ignoredFramesPerSecond/, frame(0xf0, 0, 0, Buffer.alloc(8))),
  {
    name: 'more streams than a connection may have',
    option: /maxStreamsPerConnection|PerSecond/,
    attack: (peer) => flood(peer, () => headers(peer.streamId(), publishHead)),
  },
  {
    name: 'a window that opens by a byte, over and over, for thousands of streams that wait for it',
    load: true,
    option: /windowUpdatesPerSecond/,
    peer: { first: Buffer.concat([PREFACE, settings({ [INITIAL_WINDOW_SIZE]: 0 })]) },
    attack: async (peer) => {
      for (let calls = 0; calls < 5_000 && !peer.over; calls += AT_ONCE)
        await peer.send(Buffer.concat(Array.from({ length: AT_ONCE }, () => publish(peer.streamId()))));
      await flood(peer, () => windowUpdate(0, 1));
    },
  },
  {
    name: 'answers that are never read',
    load: true,
    // Answers that wait keep their streams open: those may be used up first.
    option: /maxUnreadBytesPerConnection|provokedResetsPerSecond/,
    peer: {
      ...deaf,
      first: Buffer.concat([
        PREFACE,
        settings({ [INITIAL_WINDOW_SIZE]: 0x7fffffff }),
        windowUpdate(0, 0x7fff0000 - 65_535),
      ]),
    },
    attack: (peer) =>
      flood(peer, () => frame(HEADERS, END_STREAM | END_HEADERS, peer.streamId(), unknownHead)),
  },
] satisfies Abuse[]);

export { publish, publishBody, publishHead, subscribeBody, subscribeHead };
