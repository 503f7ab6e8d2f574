import { describeScenarios } from './play.js';

describeScenarios('a broker that goes away', {
  7: '2,000 agents are subscribed and resynced within 60 s, with one list per source and cluster',
  'clients-storm': 'agents of our own client in one process are subscribed and resynced within 60 s',
  9: 'an empty store deletes nothing, with two sources on one data type',
  19: 'SIGTERM tells 1,000 streams to go elsewhere, and nothing acknowledged is lost',
});
