import { expect, test } from 'vitest';
import { callBlock, ECHO, type Server } from './harness.js';
import type { RawPeer } from './raw-peer.js';
import { type CodeName, data, FLAG, headers, message } from './wire.js';

/** What must come of what a peer sends. Codes: one of them. */
export type Outcome =
  | { readonly connectionError: readonly CodeName[] }
  | { readonly streamError: readonly CodeName[]; readonly streamId: number }
  /** Nothing: the connection goes on, and so does whatever is on it. */
  | 'ignored';

export interface Rule {
  /** Section and rule: the title of the test. */
  readonly rule: string;
  /** Frames, after preface, SETTINGS and their acknowledgement. */
  readonly send: readonly Buffer[] | ((peer: RawPeer, server: Server) => Promise<readonly Buffer[]>);
  readonly outcome: Outcome;
}

/** The end of a request that is nothing but its header block. */
export const END: number = FLAG.END_STREAM | FLAG.END_HEADERS;

export const connectionError = (...codes: CodeName[]): Outcome => ({ connectionError: codes });
export const streamError = (streamId: number, ...codes: CodeName[]): Outcome => ({
  streamError: codes,
  streamId,
});

/** Some test for each rule. `server` gives what the file has started. */
export function testRules(server: () => Server, rules: readonly Rule[]): void {
  test.each(rules.map((one) => [one.rule, one] as const))('%s', async (_title, { send, outcome }) => {
    using peer = await server().connect();
    await peer.expectSettingsAck();
    const frames = typeof send === 'function' ? await send(peer, server()) : send;
    peer.send(...frames);
    if (outcome === 'ignored') {
      await peer.fence();
      expect(peer.of(0, 7)).toEqual([]);
      await expectWorks(peer, 2_001);
    } else if ('connectionError' in outcome) {
      await peer.expectConnectionError(...outcome.connectionError);
    } else {
      await peer.expectStreamError(outcome.streamId, ...outcome.streamError);
      await expectWorks(peer, 2_001);
    }
    expect(server().faults).toEqual([]);
    await expectServes(server());
  });
}

/** A call on this connection is answered. */
export async function expectWorks(peer: RawPeer, streamId: number): Promise<void> {
  peer.send(...call(streamId, 'still here'));
  const fields = await peer.expectEnd(streamId);
  expect(fields.get('grpc-status')).toBe('0');
  const body = Buffer.concat(peer.of(streamId, 0).map(({ payload }) => payload));
  expect(body).toEqual(message('still here'));
}

/** Others do not notice. */
export async function expectServes(server: Server): Promise<void> {
  using other = await server.connect();
  await expectWorks(other, 1);
}

/** The frames of a whole unary call. */
export function call(streamId: number, text = ''): Buffer[] {
  return [open(streamId), data(streamId, message(text), FLAG.END_STREAM)];
}

/** HEADERS that open a call. */
export function open(streamId: number, path = ECHO): Buffer {
  return headers(streamId, callBlock(path));
}
