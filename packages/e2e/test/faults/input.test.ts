import { describeScenarios } from './play.js';

describeScenarios('input that is broken or too large', {
  10: 'mutated messages and broken frames get a proper status each, and the broker goes on',
  13: 'the size limit is exact, bombs are cheap, and an event that cannot be delivered makes no reconnect loop',
});
