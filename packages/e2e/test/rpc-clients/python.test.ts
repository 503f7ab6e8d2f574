import { pythonBin } from '../interop/tools.js';
import { clientSuite, made, source } from './clients-suite.js';

clientSuite({
  name: 'grpcio (Python)',
  part: 'python',
  command: [pythonBin, source('python', 'client.py')],
  environment: { CE_BROKER_GENERATED: made('python') },
  shortestPingsMs: 500,
  lost: ['UNAVAILABLE'],
  movesOn: true,
});
