import { delimiter } from 'node:path';
import { clientSuite, made } from './clients-suite.js';

clientSuite({
  name: 'grpc-java (Netty)',
  part: 'java',
  command: [
    'java',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-cp',
    [made('java', 'rpc-client.jar'), made('java', 'lib', '*')].join(delimiter),
    'cebroker.client.Main',
  ],
  // It raises any shorter distance to ten seconds.
  shortestPingsMs: 10_000,
  lost: ['UNAVAILABLE'],
  movesOn: true,
});
