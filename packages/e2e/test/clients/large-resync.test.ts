import { encodeSpecResyncBody } from 'ce-broker-proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  encodePart,
  hubAt,
  Inbox,
  makeAgent,
  makeSource,
  PartStore,
  part,
  RIGS,
  ScriptedServer,
  specQuestion,
  typeOf,
} from '../../src/client-support/index.js';
import { until } from '../../src/index.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await ScriptedServer.start();
});
afterEach(() => server.stop());

describe.each(RIGS)('resync over $name', ({ open }) => {
  test('400 answers of 16 KiB, both ways at once, come through', async () => {
    const rig = await open({ store: 'none' });
    const payload = 'x'.repeat(16 * 1024);
    const parts = Array.from({ length: 400 }, (_, index) =>
      part(`p${index}`, 1, { spec: payload, status: payload }),
    );
    const statuses = new Inbox();
    const specs = new Inbox();
    await using source = await makeSource(rig.sourceOptions('hub'), { lister: new PartStore(parts) });
    await source.subscribe(statuses.take);
    // Older, with another status: all of it is asked for, both ways.
    const held = parts.map((each) => ({ ...each, resourceVersion: '0', status: `${payload}!` }));
    await using agent = await makeAgent(rig.agentOptions('c1', 'c1-agent'), { lister: new PartStore(held) });
    await agent.subscribe(specs.take);
    await Promise.all([agent.resync(), source.resync()]);
    await until('all are there', 20_000, () => specs.all.length >= 400 && statuses.all.length >= 400);
    expect(new Set(specs.all.map(({ part: { uid } }) => uid)).size).toBe(400);
    await rig.stop();
  });
});

test('a question about 400 resources of 16 KiB does not hang a server that answers each Publish only after the stream took it', async () => {
  const payload = 'x'.repeat(16 * 1024);
  const parts = Array.from({ length: 400 }, (_, index) =>
    part(`p${index}`, 1, { spec: payload, status: payload }),
  );
  await using source = await hubAt(server.address, { lister: new PartStore(parts) });
  const inbox = new Inbox();
  await source.subscribe(inbox.take);
  const line = server.last;
  line.stream.setMaxListeners(0);
  server.script = {
    publish: (call) => {
      // What comes in goes out to the same client, and only then the answer: how Go's GRPCBroker comes to hang.
      const echo = encodePart(
        'c1-agent',
        typeOf('status'),
        part(`s${server.published.length}`, 1, { status: payload }),
      );
      line.send(echo);
      if (line.stream.writableNeedDrain) line.stream.once('drain', () => call.ok());
      else call.ok();
    },
  };
  line.send(specQuestion(encodeSpecResyncBody([])));
  await until('all are there', 20_000, () => server.published.length === 400 && inbox.all.length === 400);
});
