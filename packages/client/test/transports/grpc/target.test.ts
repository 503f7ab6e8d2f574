import { describe, expect, test } from 'vitest';
import { parseTarget } from '../../../src/transports/grpc/target.js';

describe('the address of a server, as Go takes it', () => {
  test.each([
    ['127.0.0.1:8090', { grpc: '127.0.0.1:8090', host: '127.0.0.1', port: 8090, local: true }],
    ['localhost:8090', { grpc: 'localhost:8090', host: 'localhost', port: 8090, local: true }],
    ['[::1]:8090', { grpc: '[::1]:8090', host: '::1', port: 8090, local: true }],
    ['broker.example:1', { grpc: 'broker.example:1', host: 'broker.example', port: 1, local: false }],
    ['broker.example', { grpc: 'broker.example', host: 'broker.example', port: 443, local: false }],
    ['dns:///broker:8090', { grpc: 'dns:///broker:8090', host: 'broker', port: 8090, local: false }],
    ['dns:broker:8090', { grpc: 'dns:broker:8090', host: 'broker', port: 8090, local: false }],
    ['unix:/run/broker.sock', { grpc: 'unix:/run/broker.sock', host: 'localhost', port: 0, local: true }],
  ])('%s', (url, target) => {
    expect(parseTarget(url, 'url')).toEqual(target);
  });
});
