import { describeScenarios } from './play.js';

describeScenarios('a store on disk', {
  kill: 'nothing that was acknowledged or handed out is lost when the broker is killed, under load, while it starts, while it settles',
  corrupt:
    'a broker with damaged files serves or refuses, never hands out what nobody has written, and heals by resync',
  'disk-full':
    'a disk that is full or read-only refuses Publishes, and nothing that was refused is ever there',
});
