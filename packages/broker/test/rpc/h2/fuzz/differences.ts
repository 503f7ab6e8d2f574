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

/** One connection, and what the two sides made of it. */
export interface Case {
  readonly frames: readonly Frame[];
  /** The last frame, or the last header block, has not come whole. */
  readonly partial: boolean;
  readonly ours: Observation;
  readonly theirs: Observation;
}

/** Where the two may differ, and why that is right. */
interface Difference {
  readonly why: string;
  readonly holds: (one: Case) => boolean;
}

/** What nghttp2 takes for them. */
const PATH = /^[\x21-\x7e\x80-\xff]+$/;
const HOST = /^[A-Za-z0-9\-._~!$&'()*+,;=:%@[\]]+$/;

/** SETTINGS_ENABLE_CONNECT_PROTOCOL or SETTINGS_NO_RFC7540_PRIORITIES with a value that is neither 0 nor 1. */
function hasFlagSetting(payload: Buffer): boolean {
  for (let at = 0; at + 6 <= payload.length; at += 6) {
    const id = payload.readUInt16BE(at);
    if ((id === 8 || id === 9) && payload.readUInt32BE(at + 2) > 1) return true;
  }
  return false;
}

function repeatsSetting(payload: Buffer): boolean {
  const ids = Array.from({ length: Math.floor(payload.length / 6) }, (_, index) =>
    payload.readUInt16BE(index * 6),
  );
  return new Set(ids).size < ids.length;
}

/** Characters that §8.2.1 and HTTP's own rules (RFC 9110 §5.1, §5.5) do not allow in names, or in values. */
function hasStrangeField(fields: readonly string[]): boolean {
  return fields.some((text, at) =>
    at % 2 === 0
      ? !/^:?[a-z0-9!#$%&'*+\-.^_`|~]+$/.test(text)
      : /[^\t\x20-\x7e\x80-\xff]|^[ \t]|[ \t]$/.test(text),
  );
}

/** GOAWAY with the code of one of our stream errors, or with that for which nghttp2 has no better one. */
function sameCode(ours: Observation, theirs: Observation): boolean {
  const { goAway } = theirs;
  if (goAway === undefined || goAway === CODE.INTERNAL_ERROR) return true;
  return ours.told.some((one) => one.startsWith(`${goAway} in `));
}

/** As far as can be told after the connection: it was never opened, or has come to its end. */
function isOpen(ours: Observation, streamId: number): boolean {
  const stream = ours.streams.get(streamId);
  if (stream === undefined || stream.ended || stream.left) return false;
  return !ours.answered.has(streamId) && !ours.resets.has(streamId);
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
    why: 'nghttp2 asks for :authority or host, and that they and :path are of the characters of a URI; §8.3.1 has the first be optional, and a path that names no method is answered UNIMPLEMENTED',
    holds: ({ ours, theirs }) =>
      [...theirs.resets].some(([streamId, code]) => {
        const headers = ours.streams.get(streamId)?.headers ?? [];
        const hosts = headers.filter(
          (_, at) => at % 2 === 1 && /^(:authority|host)$/.test(headers[at - 1] ?? ''),
        );
        const path = headers[headers.indexOf(':path') + 1] ?? '';
        const strange = hosts.length === 0 || hosts.some((host) => !HOST.test(host)) || !PATH.test(path);
        return code === CODE.PROTOCOL_ERROR && headers.length > 0 && strange;
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
    why: 'of a setting that comes more than once in a frame nghttp2 looks at the last value alone; §6.5.3 has them be taken one after the other',
    holds: ({ frames, ours }) =>
      /^SETTINGS_\w+ is /.test(ours.goAwayText) &&
      any(frames, ({ type, payload }) => type === TYPE.SETTINGS && repeatsSetting(payload)),
  },
  {
    why: 'nghttp2 resets the streams whose windows a new SETTINGS_INITIAL_WINDOW_SIZE overflows; §6.9.2 has that be a connection error',
    holds: ({ ours, theirs }) =>
      ours.goAwayText.startsWith('SETTINGS_INITIAL_WINDOW_SIZE overflows') &&
      kindOf(theirs) === 'stream error' &&
      [...theirs.resets.values()].includes(CODE.FLOW_CONTROL_ERROR),
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
    why: 'what a client sends on a stream that we have answered or reset is ignored (§5.1), a window that overflows included; nghttp2, which answers nothing here, still looks at it',
    holds: ({ ours, theirs }) =>
      (theirs.goAway === CODE.STREAM_CLOSED && ours.resets.size > 0) ||
      [...theirs.resets.keys()].some((streamId) => ours.answered.has(streamId)),
  },
  {
    why: 'nghttp2 ends the connection where RFC 9113 has a stream error (§5.1, §6.3, §6.9): §5.4.1 leaves it to the endpoint',
    holds: ({ ours, theirs }) =>
      ours.told.length > 0 && !fails(ours) && fails(theirs) && sameCode(ours, theirs),
  },
  {
    why: 'nghttp2 drops a field with characters that are not allowed and takes the request; §8.2.1 has it be malformed',
    holds: ({ ours }) => ours.malformed.some(hasStrangeField),
  },
  {
    why: 'a :path begins with a slash for us, whatever the scheme; for nghttp2 that is a rule of http and https alone (§8.3.1)',
    holds: ({ ours }) =>
      ours.malformed.some((fields) => {
        const [scheme = '', path = '/'] = [':scheme', ':path'].map(
          (name) => fields[fields.indexOf(name) + 1],
        );
        return !/^https?$/.test(scheme) && !path.startsWith('/');
      }),
  },
  {
    why: 'nghttp2 ignores DATA on a closed stream; §6.1 has a stream error STREAM_CLOSED',
    holds: ({ ours, theirs }) => ours.told.some((one) => one === '5 in data of closed') && !fails(theirs),
  },
  {
    why: 'nghttp2 does not look at the padding of DATA on a closed stream; §6.1 makes no exception',
    holds: ({ frames, ours }) =>
      /^(padding longer|a frame shorter)/.test(ours.goAwayText) &&
      any(frames, ({ type, flags, streamId, payload }) => {
        const bad = type === TYPE.DATA && (flags & FLAG.PADDED) !== 0 && (payload[0] ?? 0) >= payload.length;
        return bad && !isOpen(ours, streamId);
      }),
  },
  {
    why: 'nghttp2 ignores HEADERS on a stream that is closed; §5.1 has a connection error STREAM_CLOSED',
    holds: ({ ours }) => ours.goAway === CODE.STREAM_CLOSED,
  },
];
