import { CODE, FLAG, TYPE } from '../conformance/wire.js';
import type { Observation } from './observation.js';
import type { Frame } from './valid-connection.js';

/** How bad a server found a connection. */
export type Kind = 'fine' | 'stream error' | 'connection error';

export function kindOf({ goAway, closed, resets }: Observation): Kind {
  if (closed || (goAway !== undefined && goAway !== CODE.NO_ERROR)) return 'connection error';
  // NO_ERROR says that the rest of a request is not needed.
  return [...resets.values()].some((code) => code !== CODE.NO_ERROR) ? 'stream error' : 'fine';
}

interface Case {
  readonly frames: readonly Frame[];
  /** The last frame has not come whole. */
  readonly partial: boolean;
  readonly ours: Observation;
  readonly theirs: Observation;
}

/** Where the two may differ, and why that is right. */
interface Difference {
  readonly why: string;
  readonly holds: (one: Case) => boolean;
}

/** What nghttp2 takes for one. */
const HOST = /^[A-Za-z0-9\-._~!$&'()*+,;=:%@[\]]+$/;

/** SETTINGS_ENABLE_CONNECT_PROTOCOL or SETTINGS_NO_RFC7540_PRIORITIES with a value that is neither 0 nor 1. */
function hasFlagSetting(payload: Buffer): boolean {
  for (let at = 0; at + 6 <= payload.length; at += 6) {
    const id = payload.readUInt16BE(at);
    if ((id === 8 || id === 9) && payload.readUInt32BE(at + 2) > 1) return true;
  }
  return false;
}

/** Characters that §8.2.1 and HTTP's own rules (RFC 9110 §5.1, §5.5) do not allow in names, or in values. */
function hasStrangeField(fields: readonly string[]): boolean {
  return fields.some((text, at) =>
    at % 2 === 0
      ? !/^:?[a-z0-9!#$%&'*+\-.^_`|~]+$/.test(text)
      : /[^\t\x20-\x7e\x80-\xff]|^[ \t]|[ \t]$/.test(text),
  );
}

/** GOAWAY with the code of one of our resets, or with that for which nghttp2 has no better one. */
function sameCode(ours: Observation, theirs: Observation): boolean {
  const { goAway } = theirs;
  return goAway === undefined || goAway === CODE.INTERNAL_ERROR || [...ours.resets.values()].includes(goAway);
}

const any = (frames: readonly Frame[], test: (frame: Frame) => boolean): boolean => frames.some(test);
const fails = (one: Observation): boolean => kindOf(one) === 'connection error';

export const DIFFERENCES: readonly Difference[] = [
  {
    why: 'nghttp2 looks at the head of a frame, and at the beginning of a header block, before the frame has come whole; we after',
    holds: ({ partial, theirs, ours }) => partial && kindOf(theirs) !== 'fine' && !fails(ours),
  },
  {
    why: 'nghttp2 lets CONTINUATION frames be longer than SETTINGS_MAX_FRAME_SIZE; §4.2 does not',
    holds: ({ ours, frames }) =>
      ours.goAway === CODE.FRAME_SIZE_ERROR && frames.at(-1)?.type === TYPE.CONTINUATION,
  },
  {
    why: 'nghttp2 asks for :authority or host, and that they look like a host; §8.3.1 has them be optional, and gRPC does not need them',
    holds: ({ ours, theirs }) =>
      [...theirs.resets].some(([streamId, code]) => {
        const headers = ours.streams.get(streamId)?.headers ?? [];
        const hosts = headers.filter(
          (_, at) => at % 2 === 1 && /^(:authority|host)$/.test(headers[at - 1] ?? ''),
        );
        return (
          code === CODE.PROTOCOL_ERROR &&
          headers.length > 0 &&
          (hosts.length === 0 || hosts.some((host) => !HOST.test(host)))
        );
      }),
  },
  {
    why: 'Node ends a connection on an acknowledgement of SETTINGS or PING that it has not asked for; RFC 9113 §6.5.3 and §6.7 do not ask for that',
    holds: ({ frames, theirs }) =>
      fails(theirs) &&
      (frames.filter(({ type, flags }) => type === TYPE.SETTINGS && (flags & FLAG.ACK) !== 0).length > 1 ||
        any(frames, ({ type, flags }) => type === TYPE.PING && (flags & FLAG.ACK) !== 0)),
  },
  {
    why: 'nghttp2 knows settings of later standards (RFC 8441, RFC 9218) and refuses values above 1; to us they are unknown, and ignored (§6.5.2)',
    holds: ({ frames, theirs }) =>
      fails(theirs) && any(frames, ({ type, payload }) => type === TYPE.SETTINGS && hasFlagSetting(payload)),
  },
  {
    why: 'Node ends its connections when the client says GOAWAY with an error; §6.8 lets streams that are open go on',
    holds: ({ frames, theirs }) =>
      fails(theirs) &&
      any(
        frames,
        ({ type, payload }) => type === TYPE.GOAWAY && payload.length >= 8 && payload.readUInt32BE(4) !== 0,
      ),
  },
  {
    why: 'what a client sends on a stream that has been answered, and reset with NO_ERROR, is ignored (§8.1); for nghttp2 the stream was still open',
    holds: ({ ours, theirs }) =>
      theirs.goAway === CODE.STREAM_CLOSED && [...ours.resets.values()].includes(CODE.NO_ERROR),
  },
  {
    why: 'nghttp2 ends the connection where RFC 9113 has a stream error (§5.1, §6.3, §6.9): §5.4.1 leaves it to the endpoint',
    holds: ({ ours, theirs }) => kindOf(ours) === 'stream error' && fails(theirs) && sameCode(ours, theirs),
  },
  {
    why: 'nghttp2 drops a field with characters that are not allowed and takes the request; §8.2.1 has it be malformed',
    holds: ({ ours }) => ours.malformed.some(hasStrangeField),
  },
  {
    why: 'nghttp2 ignores DATA on a closed stream; §6.1 has a stream error STREAM_CLOSED',
    holds: ({ ours, theirs }) => ours.told.some((one) => one === '5 in data of closed') && !fails(theirs),
  },
  {
    why: 'nghttp2 ignores HEADERS on a stream that is closed; §5.1 has a connection error STREAM_CLOSED',
    holds: ({ ours }) => ours.goAway === CODE.STREAM_CLOSED,
  },
];

/** What is wrong with a pair of observations; undefined: nothing. `explained` is told which difference it was. */
export function compare(one: Case, explained: (why: string) => void): string | undefined {
  const fault = differs(one);
  if (fault === undefined) return undefined;
  const difference = DIFFERENCES.find(({ holds }) => holds(one));
  if (difference === undefined) return fault;
  explained(difference.why);
  return undefined;
}

function differs({ ours, theirs, partial }: Case): string | undefined {
  const [mine, other] = [kindOf(ours), kindOf(theirs)];
  if (mine !== other)
    return `we: ${mine} (${ours.goAwayText} ${ours.told.join(', ')}), nghttp2: ${other} (${theirs.goAway} ${[...theirs.resets]})`;
  // What came after the frame that broke the connection has been seen by neither, but what came just before it may be on its way up.
  if (mine === 'connection error') return undefined;
  const wrong = (seen: Observation): string =>
    [...seen.resets]
      .filter(([, code]) => code !== 0)
      .map(([id]) => id)
      .sort()
      .join();
  if (wrong(ours) !== wrong(theirs))
    return `streams that were reset: we ${wrong(ours)}, nghttp2 ${wrong(theirs)} (${ours.told.join(', ')})`;
  for (const streamId of new Set([...ours.streams.keys(), ...theirs.streams.keys()])) {
    if ((ours.resets.get(streamId) ?? 0) !== 0) continue;
    const [we, they] = [ours.streams.get(streamId), theirs.streams.get(streamId)];
    if (we === undefined || they === undefined)
      return `stream ${streamId} is known to one alone: ${we === undefined ? 'nghttp2' : 'us'}`;
    if (we.headers.join('\n') !== they.headers.join('\n'))
      return `headers of ${streamId}: we ${we.headers}, nghttp2 ${they.headers}`;
    // Whoever has answered does not look at the rest; a client that leaves gets what was on its way, or not.
    if (ours.answered.has(streamId) || we.left) continue;
    // nghttp2 hands on what has come of a frame.
    const theirData = partial ? they.data.subarray(0, we.data.length) : they.data;
    if (!we.data.equals(theirData))
      return `data of ${streamId}: we ${we.data.toString('hex')}, nghttp2 ${they.data.toString('hex')}`;
    if (we.trailers?.join('\n') !== they.trailers?.join('\n'))
      return `trailers of ${streamId}: we ${we.trailers}, nghttp2 ${they.trailers}`;
    if (we.ended !== they.ended) return `the end of ${streamId}: we ${we.ended}, nghttp2 ${they.ended}`;
  }
  return undefined;
}

/** The frames of what a client sent, as far as they can be told. */
export function framesOf(bytes: Buffer): { readonly frames: readonly Frame[]; readonly partial: boolean } {
  const frames: Frame[] = [];
  let at = 24;
  while (bytes.length - at >= 9) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    const payload = bytes.subarray(at + 9, end);
    frames.push({
      type: bytes[at + 3] ?? 0,
      flags: bytes[at + 4] ?? 0,
      streamId: bytes.readUInt32BE(at + 5),
      payload,
    });
    at = end;
  }
  return { frames, partial: at !== bytes.length };
}
