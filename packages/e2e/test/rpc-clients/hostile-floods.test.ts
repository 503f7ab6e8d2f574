import { describe, expect, test } from 'vitest';
import { ABUSES, RawPeer } from '../../src/index.js';
import { ENHANCE_YOUR_CALM } from '../../src/raw-http2/frames.js';
import { hostileGround, nobodyElse } from './hostile-support.js';

describe('a peer that floods', () => {
  const ground = hostileGround();

  for (const { name, option, peer: how, attack } of ABUSES) {
    test(`${name}: it is shut out, the log says why, and others go on`, { timeout: 60_000 }, async () => {
      const peer = await RawPeer.open(ground.grpc, how);
      await Promise.all([attack(peer), ground.honest.goesOn()]);
      peer.resume();
      const { goAway, said } = await peer.ended;
      const line = await ground.logLine(peer);
      expect(line).toMatch(option);
      // One that does not read is not told either.
      if (how?.deaf !== true) {
        expect(goAway, line).toBe(ENHANCE_YOUR_CALM);
        expect(said).toMatch(option);
      }
      await ground.honest.goesOn();
      await nobodyElse(ground.broker);
    });
  }
});

describe('peers that come and go', () => {
  const ground = hostileGround();

  test('2,000 connections that are reset in the middle of a frame leave nothing', {
    timeout: 60_000,
  }, async () => {
    for (let round = 0; round < 40; round += 1) {
      const peers = await Promise.all(Array.from({ length: 50 }, () => RawPeer.open(ground.grpc)));
      await Promise.all(peers.map((peer) => peer.send(Buffer.from([0, 16, 0, 1, 4, 0, 0, 0, 1, 0]))));
      for (const peer of peers) peer.abort();
      await Promise.all(peers.map((peer) => peer.ended));
    }
    await ground.honest.goesOn();
    await nobodyElse(ground.broker);
    const { connections } = await ground.broker.status();
    expect(connections.streams).toBe(1);
  });
});
