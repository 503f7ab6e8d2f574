import { clientSuite, made, source } from './clients-suite.js';

clientSuite({
  name: 'connect-node',
  part: 'connect',
  command: [process.execPath, source('connect', 'client.mjs')],
  environment: { CE_BROKER_DESCRIPTORS: made('descriptors.binpb') },
  shortestPingsMs: 500,
  // Node's HTTP/2 refuses streams on a session that was told GOAWAY, and connect-node calls that INTERNAL.
  lost: ['UNAVAILABLE', 'INTERNAL'],
  movesOn: false,
});
