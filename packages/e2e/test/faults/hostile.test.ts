import { describeScenarios } from './play.js';

describeScenarios('clients that mean harm, or know no measure', {
  14: 'who has no proper certificate does not get in, and rotation under 500 streams ends none',
  23: 'who asks for resync in a loop, or subscribes without end, costs others nothing',
});
