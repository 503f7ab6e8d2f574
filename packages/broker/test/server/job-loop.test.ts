import { expect, it } from 'vitest';
import { processClock } from '../../src/server/clock.js';
import { JobLoop } from '../../src/server/job-loop.js';
import { gate } from './support/running.js';

it('a job that throws is told as a defect, and the next one runs', async () => {
  const faults: unknown[] = [];
  const ran = gate();
  const loop = new JobLoop(processClock, (error) => faults.push(error));
  const jobs = [
    () => {
      throw new Error('broken job');
    },
    () => ran.open(),
  ];
  loop.use({
    runJobs: () => {
      jobs.shift()?.();
      return jobs.length > 0;
    },
  });
  loop.wake();
  await ran.opened;
  expect(faults).toEqual([expect.objectContaining({ message: 'broken job' })]);
});
