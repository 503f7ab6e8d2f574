import { describe, expect, test } from 'vitest';
import { parseTarget } from '../../../src/transports/grpc/target.js';

describe('the address of a server, as Go takes it', () => {
  test.each([
    ['127.0.0.1:8090', { grpc: '127.0.0.1:8090', host: '127.0.0.1', port: 8090, local: true }],
    ['localhost:8090', { grpc: 'localhost:8090', host: 'localhost', port: 8090, local: true }],
    ['[::1]:8090', { grpc: '[::1]:8090', host: '::1', port: 8090, local: true }],
    ['broker.example:1', { grpc: 'broker.example:1', host: 'broker.example', port: 1, local: false }],
    ['dns:///broker:8090', { grpc: 'dns:///broker:8090', host: 'broker', port: 8090, local: false }],
    ['dns:///broker', { grpc: 'dns:///broker', host: 'broker', port: 443, local: false }],
    ['dns:broker:8090', { grpc: 'dns:broker:8090', host: 'broker', port: 8090, local: false }],
    ['unix:/run/broker.sock', { grpc: 'unix:/run/broker.sock', host: 'localhost', port: 0, local: true }],
  ])('%s', (url, target) => {
    expect(parseTarget(url, 'url')).toEqual(target);
  });

  test.each([
    [undefined, "--server is required: HOST:PORT of the server's gRPC port"],
    [null, '--server is required'],
    [8090, '--server must be text, not of type number: HOST:PORT'],
    ['', '--server: "" is no address: it must be HOST:PORT'],
    ['broker.example', '--server: "broker.example" has no port: it must be HOST:PORT'],
    ['127.0.0.1', '--server: "127.0.0.1" has no port: it must be HOST:PORT'],
    ['[::1]', '--server: "[::1]" has no port: it must be HOST:PORT'],
    ['::1', '--server: "::1" is no address: it must be HOST:PORT'],
    ['broker:0', '--server: "broker:0" is no address'],
    ['broker:65536', '--server: "broker:65536" is no address'],
    ['broker:', '--server: "broker:" is no address'],
  ])('%j is refused, by the name that it was given under', (url, message) => {
    expect(() => parseTarget(url, '--server')).toThrow(
      expect.objectContaining({
        code: 'invalid_option',
        field: '--server',
        message: expect.stringContaining(message),
      }),
    );
  });
});
