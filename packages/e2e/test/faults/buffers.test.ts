import { describeScenarios } from './play.js';

describeScenarios('subscribers that do not read, or have nothing to read', {
  4: 'a frozen subscriber is ended within its drain timeout and costs the others nothing',
  5: 'the cap of all buffers together holds under 200 subscribers that never read',
  6: '5,000 idle subscriptions stay under 120 KiB each and get their heartbeats',
});
