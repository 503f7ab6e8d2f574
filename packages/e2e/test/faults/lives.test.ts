import { describeScenarios } from './play.js';

describeScenarios('what each side ends up with', {
  21: 'the last life of an id wins on both sides, over late updates and restarts of everybody',
  22: 'specs and statuses whose publish failed arrive after the next connection',
});
