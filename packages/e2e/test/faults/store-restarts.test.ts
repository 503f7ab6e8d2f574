import { describeScenarios } from './play.js';

describeScenarios('a broker that comes back with what it knew', {
  recover: 'it serves again within 3 s after kill -9 under load, in less than 500 MiB',
  restart:
    'agents get everything of a source that is gone for good, a source without memory gets every status',
  'held-directory':
    'a second broker is refused while the first one runs, and takes over at once when that was killed',
  'lives-kept':
    'the last life of an id wins on both sides, also when the broker is killed before anybody saw a deletion',
  'lost-kept': 'specs and statuses whose publish failed arrive after the next connection',
  'wiped-kept': 'nothing is deleted when its files are gone',
});
