import { FLAG, TYPE } from '../conformance/wire.js';
import { type Case, DIFFERENCES, kindOf } from './differences.js';
import type { Observation } from './observation.js';
import type { Frame } from './valid-connection.js';

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
  const last = frames.at(-1);
  const opensBlock = last?.type === TYPE.HEADERS || last?.type === TYPE.CONTINUATION;
  return { frames, partial: at !== bytes.length || (opensBlock && (last.flags & FLAG.END_HEADERS) === 0) };
}
