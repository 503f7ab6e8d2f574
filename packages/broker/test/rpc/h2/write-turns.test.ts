import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { WriteTurns } from '../../../src/rpc/h2/write-turns.js';

function connection(flushed: string[], name: string) {
  return { flush: () => flushed.push(name), destroy: () => flushed.push(`${name} destroyed`) };
}

describe('when connections write', () => {
  it('once, at the end of the turn, however little was handled', async () => {
    const flushed: string[] = [];
    const turns = new WriteTurns(
      () => {},
      () => flushed.push('after'),
    );
    turns.add(connection(flushed, 'a'));
    turns.handled(1_000);
    turns.add(connection(flushed, 'b'));
    turns.handled(1_000);
    expect(flushed).toEqual([]);
    await turn();
    expect(flushed).toEqual(['a', 'b', 'after']);
  });

  it('at once where the turn has handled a lot for each that is owed something', async () => {
    const flushed: string[] = [];
    const turns = new WriteTurns(
      () => {},
      () => {},
    );
    turns.add(connection(flushed, 'a'));
    turns.add(connection(flushed, 'b'));
    turns.handled(40_000);
    expect(flushed).toEqual([]);
    turns.handled(10_000);
    expect(flushed).toEqual(['a', 'b']);
    turns.add(connection(flushed, 'c'));
    turns.handled(1_000);
    expect(flushed).toEqual(['a', 'b']);
    await turn();
    expect(flushed).toEqual(['a', 'b', 'c']);
  });

  it('writes nothing where nothing is owed, and again in the turns after', async () => {
    const flushed: string[] = [];
    const turns = new WriteTurns(
      () => {},
      () => {},
    );
    turns.handled(10_000_000);
    await turn();
    turns.add(connection(flushed, 'a'));
    // What earlier turns handled is no reason to write twice in this one.
    turns.handled(1_000);
    expect(flushed).toEqual([]);
    await turn();
    turns.add(connection(flushed, 'a'));
    await turn();
    expect(flushed).toEqual(['a', 'a']);
  });

  it('ends one whose write throws, and goes on with the others', () => {
    const flushed: string[] = [];
    const faults: unknown[] = [];
    const turns = new WriteTurns(
      (error) => faults.push(error),
      () => flushed.push('after'),
    );
    const broken = {
      ...connection(flushed, 'a'),
      flush: () => {
        throw new Error('no');
      },
    };
    turns.add(broken);
    turns.add(connection(flushed, 'b'));
    turns.handled(1_000_000);
    expect(flushed).toEqual(['a destroyed', 'b', 'after']);
    expect(faults).toEqual([new Error('no')]);
  });
});
