import { describeScenarios } from './play.js';

describeScenarios('a network that fails', {
  16: 'peers that vanish without a word are noticed by the broker within 40 s, and by clients within their timeout',
  17: 'versions never go back in a handler while connections drop, and the end state is equal',
  'clients-flap': 'the same with our own clients',
});
