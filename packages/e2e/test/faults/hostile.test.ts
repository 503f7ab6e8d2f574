import { describeScenarios } from './play.js';

describeScenarios('clients that mean harm, or know no measure', {
  12: 'HTTP/2 abuse of every kind is shut out, and others do not notice',
  14: 'who has no proper certificate does not get in, and rotation under 500 streams ends none',
  23: 'who asks for resync in a loop, or subscribes without end, costs others nothing',
});
