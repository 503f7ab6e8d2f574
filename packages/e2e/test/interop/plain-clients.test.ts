import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BrokerProcess } from './broker-process.js';
import { describeWith, grpcurlBin, interopDir, pythonBin } from './tools.js';

const run = promisify(execFile);
const SERVICE = 'io.cloudevents.v1.CloudEventService';
const WIDGETS = 'io.ce-broker.test.v1.widgets';

describeWith('python', 'grpcio (Python) as a plain client', () => {
  let broker: BrokerProcess;

  beforeAll(async () => {
    broker = await BrokerProcess.start();
  });
  afterAll(() => broker?.kill());

  test('health, reflection, subscribe with headers at once, publish both ways, and refusals', async () => {
    const script = join(interopDir, 'python', 'plain_client.py');
    const { stdout } = await run(pythonBin, [script, broker.grpc]);
    expect(stdout.trim().split('\n')).toEqual([
      'ok health: SERVING',
      'ok reflection: the service and its messages',
      'ok subscribe: headers at once, with one subscription-id',
      'ok publish: the agent of the cluster gets the spec as it was sent',
      'ok publish: the original source gets the status',
      'ok bad requests: INVALID_ARGUMENT',
    ]);
  });
});

describeWith('grpcurl', 'grpcurl as a plain client', () => {
  let broker: BrokerProcess;
  let subscriber: ChildProcess | undefined;

  beforeAll(async () => {
    broker = await BrokerProcess.start();
  });
  afterAll(async () => {
    subscriber?.kill('SIGKILL');
    await broker?.kill();
  });

  const grpcurl = async (...args: string[]): Promise<string> => {
    const { stdout } = await run(grpcurlBin, ['-plaintext', '-max-time', '10', ...args]);
    return stdout.trim();
  };

  test('reflection lists and describes the service', async () => {
    const services = (await grpcurl(broker.grpc, 'list')).split('\n');
    expect(services).toEqual(expect.arrayContaining([SERVICE, 'grpc.health.v1.Health']));
    const methods = (await grpcurl(broker.grpc, 'list', SERVICE)).split('\n').sort();
    expect(methods).toEqual([`${SERVICE}.Publish`, `${SERVICE}.Subscribe`]);
    expect(await grpcurl(broker.grpc, 'describe', `${SERVICE}.Subscribe`)).toContain(
      'rpc Subscribe ( .io.cloudevents.v1.SubscriptionRequest ) returns ( stream .io.cloudevents.v1.CloudEvent )',
    );
  });

  test('the health check says SERVING', async () => {
    expect(JSON.parse(await grpcurl(broker.grpc, 'grpc.health.v1.Health/Check'))).toEqual({
      status: 'SERVING',
    });
  });

  test('a published spec arrives at a subscribed agent', async () => {
    const asked = JSON.stringify({ cluster_name: 'curl', data_type: WIDGETS });
    const child = spawn(grpcurlBin, ['-plaintext', '-v', '-d', asked, broker.grpc, `${SERVICE}/Subscribe`]);
    subscriber = child;
    let output = '';
    const has = async (text: string): Promise<void> => {
      while (!output.includes(text)) await once(child.stdout, 'data');
    };
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    await has('subscription-id: ');
    const event = {
      id: 'curl-1',
      source: 'curl-source',
      spec_version: '1.0',
      type: `${WIDGETS}.spec.create_request`,
      attributes: {
        'ce-resourceid': { ceString: 'r1' },
        'ce-resourceversion': { ceInteger: 1 },
        'ce-clustername': { ceString: 'curl' },
        contenttype: { ceString: 'application/json' },
      },
      binary_data: Buffer.from('{"hello":"curl"}').toString('base64'),
    };
    expect(
      JSON.parse(await grpcurl('-d', JSON.stringify({ event }), broker.grpc, `${SERVICE}/Publish`)),
    ).toEqual({});
    await has('"curl-1"');
    expect(output).toContain(event.binary_data);
  });

  test('a wrong type is refused with its code', async () => {
    const event = { id: '1', source: 's', spec_version: '1.0', type: 'a.b.c' };
    const refused = grpcurl('-d', JSON.stringify({ event }), broker.grpc, `${SERVICE}/Publish`);
    await expect(refused).rejects.toThrow('InvalidArgument');
  });
});
