import { clientSuite, made } from './clients-suite.js';

clientSuite({
  name: 'tonic (Rust)',
  part: 'rust',
  command: [made('rust', 'debug', 'rpc-client')],
  shortestPingsMs: 500,
  // CANCELLED: not sent yet; UNKNOWN: a stream whose connection broke.
  lost: ['UNAVAILABLE', 'CANCELLED', 'UNKNOWN'],
  // Calls that wait for a connection which runs out just then are CANCELLED unsent.
  movesOn: false,
});
