import { ServerCredentials } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { runLoad } from '../../src/cli/load/run.js';
import { TestCa } from '../rpc/support/certificates.js';
import { startRelay } from './relay.js';

const finite = { seconds: 20, warmUpSeconds: 0, events: 50, inFlight: 8 };
const overLocalhost = (address: string) => `localhost:${address.split(':')[1]}`;

test('load goes over TLS with a client certificate and a token', async () => {
  const ca = await TestCa.create('load');
  const server = await ca.issue('CN=localhost');
  const client = await ca.issue('CN=bench');
  const credentials = ServerCredentials.createSsl(
    ca.pem,
    [{ private_key: server.key, cert_chain: server.cert }],
    true,
  );
  const tokens = new Set<string>();
  await using relay = await startRelay({
    credentials,
    publish: (call, callback) => {
      for (const value of call.metadata.get('authorization')) tokens.add(String(value));
      callback(null, Buffer.alloc(0));
    },
  });
  const report = await runLoad({
    ...finite,
    server: overLocalhost(relay.address),
    tls: { ca: ca.pem, cert: client.cert, key: client.key },
    token: 's3cret',
  });
  expect(report.totals.acked).toBe(50);
  expect(report.errors).toEqual({});
  expect([...tokens]).toEqual(['Bearer s3cret']);
});

test('a server certificate of another CA ends the run at its start, with the reason', async () => {
  const ca = await TestCa.create('load');
  const other = await TestCa.create('other');
  const server = await ca.issue('CN=localhost');
  const credentials = ServerCredentials.createSsl(null, [
    { private_key: server.key, cert_chain: server.cert },
  ]);
  await using relay = await startRelay({ credentials });
  const address = overLocalhost(relay.address);
  await expect(runLoad({ ...finite, server: address, tls: { ca: other.pem } })).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringMatching(/certificate|signature/),
  });
});
