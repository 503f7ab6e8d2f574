import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Certificates,
  CountingBroker,
  Folder,
  prepare,
  RUN_MS,
  run,
  SERVICE,
  SETUP_MS,
  start,
  WIDGETS,
} from './tools-support.js';

const PUBLISH = `${SERVICE}/Publish`;
const SUBSCRIBE = `${SERVICE}/Subscribe`;

/** How the broker is started, and what grpcurl is told to get in. */
type Way = (files: Certificates) => {
  readonly broker: readonly string[];
  readonly flags: readonly string[];
};

const WAYS: Readonly<Record<string, Way>> = {
  'plain text': () => ({ broker: [], flags: ['-plaintext'] }),
  TLS: ({ ca, server }) => ({ broker: server, flags: ['-cacert', ca] }),
  mTLS: ({ ca, server, client: [cert, key] }) => ({
    broker: [...server, '--client-ca', ca],
    flags: ['-cacert', ca, '-cert', cert, '-key', key],
  }),
};

/** An event as grpcurl reads it, which knows the schema by reflection only. */
function eventJson(id: string, data: Buffer): string {
  return JSON.stringify({
    event: {
      id: `${id}-1`,
      source: 'tools',
      spec_version: '1.0',
      type: `${WIDGETS}.spec.create_request`,
      attributes: {
        'ce-resourceid': { ceString: id },
        'ce-resourceversion': { ceString: '1' },
        'ce-clustername': { ceString: 'tools' },
        contenttype: { ceString: 'application/json' },
      },
      binary_data: data.toString('base64'),
    },
  });
}

beforeAll(() => prepare('grpcurl'), SETUP_MS);

for (const [title, way] of Object.entries(WAYS)) {
  describe(`grpcurl over ${title}`, () => {
    const folder = new Folder();
    let broker: CountingBroker;
    let flags: readonly string[];

    beforeAll(async () => {
      const { broker: args, ...rest } = way(folder.certificates());
      flags = rest.flags;
      broker = await CountingBroker.start(args);
    });
    afterAll(async () => {
      await broker?.process.kill();
      folder.remove();
    });

    const grpcurl = async (...args: string[]): Promise<string> =>
      (await run('grpcurl', [...flags, '-max-time', '30', ...args])).trim();

    test('lists and describes by reflection', async () => {
      const services = (await grpcurl(broker.grpc, 'list')).split('\n');
      expect(services).toEqual(
        expect.arrayContaining([SERVICE, 'grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection']),
      );
      for (const service of services) {
        const described = await grpcurl(broker.grpc, 'describe', service);
        expect(described).toContain(`${service} is a service`);
        expect((await grpcurl(broker.grpc, 'list', service)).split('\n')).not.toEqual(['']);
      }
      expect(await grpcurl(broker.grpc, 'describe', 'io.cloudevents.v1.CloudEvent')).toContain(
        'spec_version',
      );
    });

    test('asks for health, once and as a stream', async () => {
      const check = await grpcurl(broker.grpc, 'grpc.health.v1.Health/Check');
      expect(JSON.parse(check)).toEqual({ status: 'SERVING' });
      const unknown = grpcurl('-d', '{"service":"none"}', broker.grpc, 'grpc.health.v1.Health/Check');
      await expect(unknown).rejects.toThrow('NotFound');
    });

    test('publishes to a subscriber, whose deadline ends its stream', { timeout: RUN_MS }, async () => {
      const asked = JSON.stringify({ cluster_name: 'tools', data_type: WIDGETS });
      const args = ['-v', '-max-time', '6', '-d', asked, broker.grpc, SUBSCRIBE];
      const subscriber = start('grpcurl', [...flags, ...args]);
      let output = '';
      const said = async (text: string): Promise<void> => {
        while (!output.includes(text)) await once(subscriber.stdout, 'data');
      };
      subscriber.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
      });
      let complaint = '';
      subscriber.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        complaint += chunk;
      });
      const over = once(subscriber, 'close');
      await said('subscription-id: ');
      await broker.counted();
      const data = Buffer.from('{"hello":"grpcurl"}');
      const answer = await grpcurl('-d', eventJson('live', data), broker.grpc, PUBLISH);
      expect(JSON.parse(answer)).toEqual({});
      await said('"live-1"');
      expect(output).toContain(data.toString('base64'));
      expect(await broker.counted()).toEqual({ acknowledged: 1, refused: 0 });
      await over;
      expect(output + complaint).toContain('DeadlineExceeded');
    });

    test('takes an event of nearly 4 MiB', { timeout: RUN_MS }, async () => {
      await broker.counted();
      const request = folder.write('large.json', eventJson('large', Buffer.alloc(3_900_000, 'x')));
      // Arguments are not that long: -d @ reads what the shell hands in.
      const child = start('grpcurl', [...flags, '-d', '@', broker.grpc, PUBLISH], request);
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (chunk: string) => {
          output += chunk;
        });
      const [code] = await once(child, 'close');
      expect([code, output.trim()]).toEqual([0, '{}']);
      expect(await broker.counted()).toEqual({ acknowledged: 1, refused: 0 });
    });

    test('is told what is wrong with what it sends', async () => {
      const event = { id: '1', source: 's', spec_version: '1.0', type: 'a.b.c' };
      const refused = grpcurl('-d', JSON.stringify({ event }), broker.grpc, PUBLISH);
      await expect(refused).rejects.toThrow('InvalidArgument');
      expect(await broker.counted()).toMatchObject({ acknowledged: 0, refused: 1 });
    });

    if (title === 'mTLS') {
      test('without a certificate it does not get in, and the broker says so', async () => {
        const [, ca = ''] = flags;
        await expect(run('grpcurl', ['-cacert', ca, broker.grpc, 'list'])).rejects.toThrow();
        const { counters } = await broker.process.status();
        expect(counters.handshakesFailed).toMatchObject({ 'no-certificate': expect.any(Number) });
      });
    }
  });
}
