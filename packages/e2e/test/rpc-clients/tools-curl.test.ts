import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CountingBroker,
  ENGINE,
  Folder,
  prepare,
  publishFrame,
  run,
  SERVICE,
  SETUP_MS,
} from './tools-support.js';

const GRPC = ['-H', 'content-type: application/grpc', '-H', 'te: trailers'];

beforeAll(() => prepare('curl'), SETUP_MS);

describe.each([
  ['plain text', false],
  ['mTLS', true],
])('curl over %s', (_title, secure) => {
  const folder = new Folder();
  let broker: CountingBroker;
  let request: string;
  let url: string;
  let access: readonly string[] = ['--http2-prior-knowledge'];

  beforeAll(async () => {
    request = folder.write('request.bin', publishFrame('curl', 1_000));
    const { ca, server, client } = folder.certificates();
    if (secure) access = ['--http2', '--cacert', ca, '--cert', client[0], '--key', client[1]];
    broker = await CountingBroker.start(secure ? [...server, '--client-ca', ca] : []);
    url = `${secure ? 'https' : 'http'}://${broker.grpc}`;
  });
  afterAll(async () => {
    await broker?.process.kill();
    folder.remove();
  });

  /** What curl prints: headers, then what `-w` asks for. The body goes into a file. */
  const curl = (path: string, ...args: string[]): Promise<string> => {
    const out = ['-D', '-', '-o', join(folder.path, 'body'), '-w', '\nHTTP/%{http_version} %{http_code}\n'];
    return run('curl', ['-sS', '-m', '20', ...access, ...out, ...args, `${url}${path}`]);
  };

  test('a POST with a framed message is answered with a message and trailers', async () => {
    await broker.counted();
    const output = await curl(`/${SERVICE}/Publish`, ...GRPC, '--data-binary', `@${request}`);
    expect(output).toContain('HTTP/2 200');
    expect(output).toMatch(/^content-type: application\/grpc/m);
    // After the empty line that ends the headers: a trailer.
    expect(output).toMatch(/\r\n\r\n(?:.*\r\n)*grpc-status: 0\r\n/);
    expect(readFileSync(join(folder.path, 'body'))).toEqual(Buffer.alloc(5));
    expect(await broker.counted()).toEqual({ acknowledged: 1, refused: 0 });
  });

  test('a refusal has its status and its message in the header block that ends the stream', async () => {
    const output = await curl(`/${SERVICE}/Publish`, ...GRPC, '--data-binary', '');
    expect(output).toContain('HTTP/2 200');
    expect(output).toMatch(/^grpc-status: (?!0)\d+\r$/m);
    expect(output).toMatch(/^grpc-message: \S/m);
    const unknown = await curl('/no.such.Service/Call', ...GRPC, '--data-binary', `@${request}`);
    expect(unknown).toMatch(/^grpc-status: 12\r$/m);
  });

  test('what is no gRPC is told so by HTTP', async () => {
    const wrongType = ['-H', 'content-type: application/json', '--data-binary', '{}'];
    expect(await curl(`/${SERVICE}/Publish`, ...wrongType)).toContain('HTTP/2 415');
    // grpc-js looks at the content type first.
    const get = await curl(`/${SERVICE}/Publish`);
    expect(get).toContain(ENGINE === 'grpc-js' ? 'HTTP/2 415' : 'HTTP/2 405');
    if (ENGINE !== 'grpc-js') expect(get).toMatch(/^allow: POST/m);
  });

  test('HTTP/1.1 is turned away soon, in words where the engine has some', async () => {
    const args = [
      '-sS',
      '-m',
      '20',
      '--http1.1',
      ...access.slice(1),
      '-w',
      '\nHTTP %{http_code}\n',
      `${url}/`,
    ];
    const said = await run('curl', args).catch((error: unknown) => String(error));
    if (secure) return expect(said).toMatch(/alert|SSL|closed|reset/i);
    if (ENGINE === 'grpc-js') return expect(said).toContain('curl: (1)');
    expect(said).toMatch(/HTTP\/2/);
    expect(said).toMatch(/gRPC/);
    expect(said).toMatch(/HTTP 4\d\d|HTTP 505/);
  });
});
