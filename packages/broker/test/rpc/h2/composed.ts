import { once } from 'node:events';
import { createServer, connect as dial } from 'node:net';
import { expect } from 'vitest';
import { Composer } from '../../../src/rpc/h2/composer.js';

/** The largest frame that every peer takes. */
export const MAX = 16_384;

/** What a composer sends, over a real socket. */
export async function sent(fill: (out: Composer) => void, rounds = 1): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const server = createServer((socket) => socket.on('data', (chunk) => chunks.push(chunk)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const socket = dial(address.port, '127.0.0.1');
  await once(socket, 'connect');
  const out = new Composer();
  for (let round = 0; round < rounds; round++) {
    fill(out);
    out.send(socket);
  }
  socket.end();
  await once(socket, 'close');
  server.close();
  await once(server, 'close');
  return Buffer.concat(chunks);
}

export interface Frame {
  readonly streamId: number;
  readonly payload: Buffer;
}

export function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    expect(bytes[at + 3]).toBe(0);
    expect(bytes[at + 4]).toBe(0);
    frames.push({ streamId: bytes.readUInt32BE(at + 5), payload: bytes.subarray(at + 9, at + 9 + length) });
    at += 9 + length;
  }
  return frames;
}

export function messagesOf(frames: readonly Frame[]): Buffer[] {
  const bytes = Buffer.concat(frames.map(({ payload }) => payload));
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return messages;
}

export const total = (batch: readonly Buffer[]): number =>
  batch.reduce((sum, { length }) => sum + length + 5, 0);
export const filled = (length: number, seed: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff));
