import { channel } from 'node:diagnostics_channel';
import { CeBrokerError, CloudEventsType } from 'ce-broker-proto';
import { register as defaultRegister, Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  DiagnosticsChannel,
  tellReceived,
  tellReconnected,
  tellResync,
  tellSent,
} from '../../src/base/diagnostics.js';
import { newEventBuilder } from '../../src/codec/event-builder.js';
import {
  registerClientMetrics,
  registerResourceResyncMetrics,
  resetClientMetrics,
  resetResourceResyncMetricsCollectors,
  unregisterClientMetrics,
  unregisterResourceResyncMetrics,
} from '../../src/metrics/index.js';

const THINGS = 'io.example.v1.things';
const STATUS = CloudEventsType.parse(`${THINGS}.status.update_request`);
const SPEC = CloudEventsType.parse(`${THINGS}.spec.create_request`);

/** A registry whose metrics stop with the test. */
function newRegistry(): Registry {
  const register = new Registry();
  onTestFinished(() => {
    unregisterResourceResyncMetrics(register);
    unregisterClientMetrics(register);
  });
  return register;
}

/** The lines of a scrape that hold something. */
async function samples(register: Registry): Promise<string[]> {
  return (await register.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

function status(originalSource = 's1') {
  return newEventBuilder('agent1', STATUS)
    .withClusterName('c1')
    .withOriginalSource(originalSource)
    .newEvent();
}

function subscribers(): string[] {
  return Object.values(DiagnosticsChannel).filter((name) => channel(name).hasSubscribers);
}

describe('resync metrics', () => {
  it("are Go's two histograms", async () => {
    const register = newRegistry();
    registerResourceResyncMetrics(register);
    tellResync('spec', 's1', 'c1', THINGS, 0.15);
    tellResync('spec', 's1', 'c1', STATUS.dataType, 15);
    tellResync('status', 's2', 'c1', THINGS, 0.7);
    const lines = await samples(register);
    const labels = `source="s1",cluster="c1",type="${THINGS}"`;
    const name = 'resources_spec_resync_duration_seconds';
    expect(lines.filter((line) => line.startsWith(name))).toEqual([
      `${name}_bucket{le="0.1",${labels}} 0`,
      `${name}_bucket{le="0.2",${labels}} 1`,
      `${name}_bucket{le="0.5",${labels}} 1`,
      `${name}_bucket{le="1",${labels}} 1`,
      `${name}_bucket{le="2",${labels}} 1`,
      `${name}_bucket{le="10",${labels}} 1`,
      `${name}_bucket{le="30",${labels}} 2`,
      `${name}_bucket{le="+Inf",${labels}} 2`,
      `${name}_sum{${labels}} 15.15`,
      `${name}_count{${labels}} 2`,
    ]);
    expect(lines).toContain(
      `resources_status_resync_duration_seconds_count{source="s2",cluster="c1",type="${THINGS}"} 1`,
    );
  });

  it('are removed both, and can be registered again', async () => {
    const register = newRegistry();
    registerResourceResyncMetrics(register);
    tellResync('spec', 's1', 'c1', THINGS, 1);
    unregisterResourceResyncMetrics(register);
    unregisterResourceResyncMetrics(register);
    expect(register.getMetricsAsArray()).toEqual([]);
    expect(subscribers()).toEqual([]);
    registerResourceResyncMetrics(register);
    expect(await samples(register)).toEqual([]);
    tellResync('spec', 's1', 'c1', THINGS, 1);
    expect(await samples(register)).toHaveLength(10);
  });

  it('start at nothing again when reset, and go on', async () => {
    const register = newRegistry();
    registerResourceResyncMetrics(register);
    tellResync('status', 's1', 'c1', THINGS, 1);
    resetResourceResyncMetricsCollectors(register);
    expect(await samples(register)).toEqual([]);
    tellResync('status', 's1', 'c1', THINGS, 1);
    expect(await samples(register)).toHaveLength(10);
  });

  it('are refused a second time, by name, and nothing is half registered', async () => {
    const register = newRegistry();
    registerResourceResyncMetrics(register);
    expect(() => registerResourceResyncMetrics(register)).toThrow(CeBrokerError);
    expect(() => registerResourceResyncMetrics(register)).toThrow(
      'the registry has resources_spec_resync_duration_seconds and resources_status_resync_duration_seconds already: register once, call unregisterResourceResyncMetrics before',
    );
    tellResync('spec', 's1', 'c1', THINGS, 1);
    expect(await samples(register)).toContain(
      `resources_spec_resync_duration_seconds_count{source="s1",cluster="c1",type="${THINGS}"} 1`,
    );
  });

  it('go into every registry that has them, the default one unless another is given', async () => {
    const [one, other] = [newRegistry(), newRegistry()];
    registerResourceResyncMetrics(one);
    registerResourceResyncMetrics(other);
    registerResourceResyncMetrics();
    tellResync('spec', 's1', 'c1', THINGS, 1);
    unregisterResourceResyncMetrics(one);
    tellResync('spec', 's1', 'c1', THINGS, 1);
    expect(await samples(one)).toEqual([]);
    for (const register of [other, defaultRegister]) {
      expect((await samples(register)).at(-1)).toMatch(/_count\{.*\} 2$/);
    }
    unregisterResourceResyncMetrics();
    expect(await samples(defaultRegister)).toEqual([]);
  });

  it('stop by themselves when their registry is cleared', () => {
    const register = newRegistry();
    registerResourceResyncMetrics(register);
    register.clear();
    tellResync('spec', 's1', 'c1', THINGS, 1);
    expect(subscribers()).toEqual([]);
  });

  it("leave a metric of the caller's own with that name alone", () => {
    const register = newRegistry();
    registerClientMetrics(register);
    unregisterResourceResyncMetrics(register);
    resetResourceResyncMetricsCollectors(register);
    expect(register.getMetricsAsArray()).toHaveLength(3);
  });
});

describe('client metrics', () => {
  it('count with the labels of v1.3', async () => {
    const register = newRegistry();
    registerClientMetrics(register);
    const spec = newEventBuilder('s1', SPEC).withClusterName('c1').newEvent();
    tellSent('source', spec, SPEC);
    tellReceived('agent', spec, SPEC);
    tellSent('agent', status(), STATUS);
    tellSent('agent', status(''), STATUS);
    tellReceived('source', status(), { ...STATUS, dataType: THINGS });
    tellReceived('source', status(), STATUS);
    tellReconnected('agent1');
    const common = (sub: string, action: string) =>
      `type="${THINGS}",subresource="${sub}",action="${action}"`;
    expect((await samples(register)).sort()).toEqual(
      [
        `cloudevents_sent_total{source="s1",${common('spec', 'create_request')},consumer="c1"} 1`,
        `cloudevents_received_total{source="s1",${common('spec', 'create_request')}} 1`,
        `cloudevents_sent_total{source="agent1",${common('status', 'update_request')},original_source="s1"} 1`,
        `cloudevents_sent_total{source="agent1",${common('status', 'update_request')},original_source="none"} 1`,
        `cloudevents_received_total{source="agent1",${common('status', 'update_request')},consumer="c1"} 2`,
        'cloudevents_client_reconnected_total{client_id="agent1"} 1',
      ].sort(),
    );
    resetClientMetrics(register);
    tellReconnected('agent1');
    expect(await samples(register)).toEqual(['cloudevents_client_reconnected_total{client_id="agent1"} 1']);
  });

  it('are refused a second time, and removed all', () => {
    const register = newRegistry();
    registerClientMetrics(register);
    expect(() => registerClientMetrics(register)).toThrow(/call unregisterClientMetrics before/);
    unregisterClientMetrics(register);
    expect(register.getMetricsAsArray()).toEqual([]);
    expect(subscribers()).toEqual([]);
  });
});

describe('without a subscriber', () => {
  it('nothing of an event is read', () => {
    const event = new Proxy(status(), { get: () => expect.unreachable('the event was read') });
    tellSent('agent', event, STATUS);
    tellReceived('source', event, STATUS);
    expect(subscribers()).toEqual([]);
  });
});
