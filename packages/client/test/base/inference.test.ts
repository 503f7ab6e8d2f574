import { CloudEventsDataType } from 'ce-broker-proto';
import { describe, expectTypeOf, it } from 'vitest';
import { CloudEventAgentClient } from '../../src/agent/cloud-event-agent-client.js';
import { jsonCodec } from '../../src/codec/json-codec.js';
import type { JsonResource } from '../../src/codec/json-resource.js';
import { echoedStatusHash } from '../../src/codec/json-resource.js';
import { CloudEventSourceClient } from '../../src/source/cloud-event-source-client.js';
import { ResourceStore } from '../../src/store/resource-store.js';
import { transportAgentOptions, transportSourceOptions } from '../../src/transports/given-transport.js';

interface Door {
  readonly color: string;
}
interface Seen {
  readonly ok: boolean;
}

const dataType = CloudEventsDataType.parse('example.com.v1.doors');
const nowhere = () => Promise.reject(new Error('away'));

describe('the resource of a client', () => {
  it('is that of its lister, and a codec of another one does not compile', () => {
    const lister = new ResourceStore<JsonResource<Door, Seen>>();
    const source = () =>
      CloudEventSourceClient.create({
        options: transportSourceOptions(nowhere, 'hub'),
        lister,
        statusHashGetter: echoedStatusHash,
        codecs: [jsonCodec<Door, Seen>({ dataType })],
      });
    const agent = () =>
      CloudEventAgentClient.create({
        options: transportAgentOptions(nowhere, 'c1', 'a1'),
        lister,
        statusHashGetter: ({ status }) => String(status?.ok),
        codecs: [jsonCodec<Door, Seen>({ dataType })],
      });
    expectTypeOf(source).returns.resolves.toEqualTypeOf<CloudEventSourceClient<JsonResource<Door, Seen>>>();
    expectTypeOf(agent).returns.resolves.toEqualTypeOf<CloudEventAgentClient<JsonResource<Door, Seen>>>();
    const wrong = () =>
      CloudEventSourceClient.create({
        options: transportSourceOptions(nowhere, 'hub'),
        lister,
        statusHashGetter: echoedStatusHash,
        // @ts-expect-error It would decode statuses that the handlers take for Seen.
        codecs: [jsonCodec({ dataType })],
      });
    expectTypeOf(wrong).toBeFunction();
  });
});
