import { mkdirSync, rmSync } from 'node:fs';
import type { Random } from '../random.js';
import { POWER_LOSSES, PowerDisk, type PowerLoss } from './power-disk.js';
import type { PowerOperation } from './power-journal.js';

/** A failure of the power, and what had been acknowledged when it came. */
export interface PowerFailure {
  /** So many operations of the journal had come back. */
  readonly at: number;
  readonly loss: PowerLoss;
  /** What the program had said to its witness so far, line by line. */
  readonly acknowledged: readonly string[];
}

/** How {@link playPowerFailures} goes about it. */
export interface PowerPlay {
  /** How many failures; half of them just after something was acknowledged. */
  readonly failures: number;
  readonly random: Random;
  /** A folder that is emptied and filled for each failure. */
  readonly folder: string;
  /** Files that are left out, as those that only hold what processes share with each other. */
  readonly leaveOut?: readonly string[];
  /** Looks at the folder after a failure. */
  readonly look: (failure: PowerFailure) => Promise<void>;
}

/** Lets the power fail at so many moments of what a journal tells, and has the folder looked at each time as it may be left. */
export async function playPowerFailures(
  operations: readonly PowerOperation[],
  play: PowerPlay,
): Promise<void> {
  const disk = new PowerDisk();
  const acknowledged: string[] = [];
  let begun = '';
  let done = 0;
  for (const [index, at] of moments(operations, play.failures, play.random).entries()) {
    for (; done < at; done++) {
      const operation = operations[done];
      if (operation === undefined) break;
      disk.apply(operation);
      if (operation.type !== 'witness') continue;
      const lines = (begun + operation.data.toString('utf8')).split('\n');
      begun = lines.pop() ?? '';
      acknowledged.push(...lines);
    }
    const loss = POWER_LOSSES[index % POWER_LOSSES.length] ?? 'none';
    rmSync(play.folder, { recursive: true, force: true });
    mkdirSync(play.folder, { recursive: true, mode: 0o700 });
    disk.fail(play.folder, loss, play.random, play.leaveOut);
    await play.look({ at, loss, acknowledged });
  }
}

function moments(operations: readonly PowerOperation[], count: number, random: Random): number[] {
  const told = operations.flatMap(({ type }, index) => (type === 'witness' ? [index + 1] : []));
  const chosen = Array.from({ length: count }, (_, index) =>
    index % 2 === 0 && told.length > 0 ? random.pick(told) : random.whole(1, operations.length),
  );
  return chosen.sort((a, b) => a - b);
}
