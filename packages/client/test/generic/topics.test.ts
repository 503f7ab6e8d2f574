import { describe, expect, it } from 'vitest';
import {
  AGENT_BROADCAST_TOPIC_PATTERN,
  AGENT_EVENTS_TOPIC_PATTERN,
  EVENTS_TOPIC_PATTERN,
  SOURCE_BROADCAST_TOPIC_PATTERN,
  SOURCE_EVENTS_TOPIC_PATTERN,
} from '../../src/generic/topics.js';

const PATTERNS = {
  events: EVENTS_TOPIC_PATTERN,
  sourceEvents: SOURCE_EVENTS_TOPIC_PATTERN,
  agentEvents: AGENT_EVENTS_TOPIC_PATTERN,
  sourceBroadcast: SOURCE_BROADCAST_TOPIC_PATTERN,
  agentBroadcast: AGENT_BROADCAST_TOPIC_PATTERN,
};

describe('topic patterns', () => {
  it.each<[string, (keyof typeof PATTERNS)[]]>([
    ['sources/+/clusters/+/sourceevents', ['events', 'sourceEvents']],
    ['sources/source-1/clusters/cluster1/sourceevents', ['events', 'sourceEvents']],
    ['$share/source-group/sources/+/clusters/+/agentevents', ['events', 'agentEvents']],
    ['sources/source1/sourcebroadcast', ['sourceBroadcast']],
    ['$share/g/clusters/+/agentbroadcast', ['agentBroadcast']],
    ['sources/#', []],
    ['sources/Source1/clusters/+/sourceevents', []],
    ['$share/Group/sources/+/clusters/+/sourceevents', []],
    ['sources/+/clusters/+/sourceevents\n', []],
    ['/sources/+/clusters/+/sourceevents', []],
    ['sources/a+/clusters/+/sourceevents', []],
    ['', []],
  ])('take %j as %j', (topic, wanted) => {
    const taken = Object.entries(PATTERNS).filter(([, pattern]) => pattern.test(topic));
    expect(taken.map(([name]) => name)).toEqual(wanted);
  });
});
