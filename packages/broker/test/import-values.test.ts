import { expect, it } from 'vitest';
import { encodeResource } from '../src/state/resource-codec.js';
import { DATA_TYPES, publishRequest } from './runner/events.js';
import { World } from './runner/world.js';

const works = DATA_TYPES['works'] ?? '';
const nobody = { wrote: () => {}, ended: () => {}, noted: () => {} };

/** The row of a resource that was deleted, created again, reported and asked for. */
function exported(): Record<string, unknown> {
  const world = new World({ history: 3 }, nobody);
  const send = (verb: string, part = 'spec') => {
    const deletedAt = verb === 'delete' ? world.now : undefined;
    const about = { cluster: 'c1', resourceId: 'x', version: '3', time: world.now, deletedAt };
    const type = `${works}.${part}.${verb}_request`;
    const originalSource = part === 'status' ? 'A' : undefined;
    world.publish(publishRequest({ id: world.newId(), source: 'A', type, originalSource, ...about }));
  };
  for (const verb of ['create', 'delete', 'create']) send(verb);
  send('update', 'status');
  const rows = [...world.core.export({ secrets: true, history: true }, world.now)];
  const row = rows.find((one) => one?.kind === 'resource');
  return JSON.parse(JSON.stringify(row)) as Record<string, unknown>;
}

function imported(changes: Record<string, unknown>): string | Buffer | undefined {
  const world = new World({ history: 3 }, nobody);
  try {
    world.core.import({ ...exported(), ...changes }, world.now);
  } catch (thrown) {
    return (thrown as Error).message;
  }
  const resource = world.core.view.table.find(works, 'c1')?.find('x');
  return resource === undefined ? undefined : encodeResource(resource);
}

it('a row that was changed by hand is refused, and never becomes something that no store can write', () => {
  expect(imported({})).toBeInstanceOf(Buffer);
  const grave = { version: '1', position: 1, stampedAt: 1, at: 1 };
  expect(imported({ grave })).toBeInstanceOf(Buffer);
  const { spec, farewell } = exported() as { spec: object; farewell: object };
  for (const changes of [
    { newestVersion: '9223372036854775808' },
    { earlierVersion: '9999999999999999999' },
    { grave: { ...grave, version: '9223372036854775808' } },
    { grave: { ...grave, sequenceId: 5 } },
    { grave: { ...grave, at: 'yesterday' } },
    { grave: { version: '1', at: 1 } },
    { spec: { ...spec, to: 5 } },
    { farewell: { ...farewell, since: null } },
    { farewell: { ...farewell, sentAt: 'yesterday' } },
    { owner: 5 },
    { pastSpecs: 5 },
  ])
    expect(imported(changes), JSON.stringify(changes)).toBeTypeOf('string');
});
