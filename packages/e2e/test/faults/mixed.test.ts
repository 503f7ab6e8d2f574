import { describeWith } from '../interop/tools.js';
import { describeScenarios } from './play.js';

describeWith('go', 'TypeScript and Go in all pairings of our client, SDK v0.15 and v1.3', () => {
  describeScenarios('faults', {
    'mixed-restart': 'all come back to a broker that restarts empty, nothing is lost or deleted',
    'mixed-restart-kept':
      'all come back to a broker that comes back with what it knew, nothing is lost or deleted',
    'mixed-flap': 'versions never go back in a handler while connections drop, and the end state is equal',
    'mixed-lost': 'specs and statuses whose publish failed arrive after the next connection',
  });
});
