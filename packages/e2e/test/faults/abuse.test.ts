import { describeScenarios } from './play.js';

// The limits of the h2 engine, whatever engine the others are played on.
describeScenarios('clients that abuse HTTP/2', {
  12: 'HTTP/2 abuse of every kind is shut out, and others do not notice',
});
