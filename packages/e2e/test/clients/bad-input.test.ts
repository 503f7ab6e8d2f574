import {
  CloudEventAgentClient,
  CloudEventSourceClient,
  type GrpcOptions,
  grpcSourceOptions,
  transportAgentOptions,
  transportSourceOptions,
} from 'ce-broker-client';
import { SILENT } from 'ce-broker-proto';
import { CloudEvent } from 'cloudevents';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  agentAt,
  encodePart,
  eventCodec,
  failure,
  hubAt,
  type Part,
  PartStore,
  part,
  ScriptedServer,
  StatusLog,
  shown,
  statusHashOf,
  typeOf,
} from '../../src/client-support/index.js';
import { until } from '../../src/index.js';

const nowhere = transportSourceOptions(() => Promise.reject(new Error('away')), 'hub');
const agentOptions = transportAgentOptions(() => Promise.reject(new Error('away')), 'c1', 'c1-agent');
const good = {
  options: nowhere,
  lister: new PartStore(),
  statusHashGetter: statusHashOf,
  codecs: [eventCodec()],
  logger: SILENT,
};

describe('what a client is made of', () => {
  // As a program in JavaScript would get it wrong.
  const create = (changes: object) =>
    failure(
      CloudEventSourceClient.create<Part>({ ...good, ...changes } as typeof good).then((client) =>
        client.close(),
      ),
    );

  test('names what is wrong', async () => {
    expect({
      good: await create({}),
      'no options': await create({ options: undefined }),
      'options that are null': await create({ options: null }),
      'options of an agent': await create({ options: agentOptions }),
      'options of gRPC alone': await create({ options: { url: '127.0.0.1:8090' } }),
      'options that are text': await create({ options: '127.0.0.1:8090' }),
      'nothing at all': await failure(CloudEventSourceClient.create(undefined as never)),
      'no connection': await create({ options: { sourceId: 'hub' } }),
      'no source id': await create({ options: { ...nowhere, sourceId: '' } }),
      'a blank source id': await create({ options: { ...nowhere, sourceId: '  ' } }),
      'no lister': await create({ lister: undefined }),
      'a lister that is none': await create({ lister: [] }),
      'no hash getter': await create({ statusHashGetter: undefined }),
      'no codecs': await create({ codecs: undefined }),
      'empty codecs': await create({ codecs: [] }),
      'a codec that is none': await create({ codecs: [{}] }),
      'a codec that only encodes': await create({
        codecs: [{ dataType: eventCodec().dataType, encodeEvent: () => undefined }],
      }),
      'a codec without a data type': await create({ codecs: [{ ...eventCodec(), dataType: undefined }] }),
      'a codec whose data type is text': await create({ codecs: [{ ...eventCodec(), dataType: 'a.b.c' }] }),
      'a publish time of 0': await create({ publishTimeoutMs: 0 }),
      'a connect time that is no number': await create({ connectTimeoutMs: '5s' }),
      'an endless publish time': await create({ publishTimeoutMs: Number.POSITIVE_INFINITY }),
      'a publish time that is NaN': await create({ publishTimeoutMs: Number.NaN }),
      'endless pending bytes': await create({ maxPendingBytes: Number.POSITIVE_INFINITY }),
      'an endless connect time': await create({ connectTimeoutMs: Number.POSITIVE_INFINITY }),
      'a connect time of a month': await create({ connectTimeoutMs: 30 * 86_400_000 }),
      'no pending bytes': await create({ maxPendingBytes: -1 }),
      'a backoff that is a number': await create({ reconnectDelay: 1_000 }),
      'a backoff of numbers': await create({ reconnectDelay: { initialMs: 100, capMs: 200 } }),
      'a backoff with an unknown number': await create({ reconnectDelay: { inital: 100 } }),
      'a misspelled option': await create({ autoRsync: false }),
      'an option in the wrong case': await create({ Logger: SILENT }),
      'an option that there is not': await create({ heartbeats: 3 }),
      'an option that is absent': await create({ heartbeats: undefined }),
      'an option of another place': await create({ options: { ...nowhere, lister: good.lister } }),
      'a misspelled rate limit': await create({ options: { ...nowhere, ratelimit: { qps: 1 } } }),
      'a misspelled rate': await create({ options: { ...nowhere, rateLimit: { QPS: 1 } } }),
      'a rate limit that is a number': await create({ options: { ...nowhere, rateLimit: 100 } }),
      'a rate that is no number': await create({ options: { ...nowhere, rateLimit: { qps: 'many' } } }),
      'half an event at once': await create({ options: { ...nowhere, rateLimit: { burst: 0.5 } } }),
    }).toMatchInlineSnapshot(`
      {
        "a backoff of numbers": "no failure",
        "a backoff that is a number": "invalid_option [reconnectDelay]: reconnectDelay must be a function that gives milliseconds, or what it is made of: { initialMs: 500, capMs: 10_000 }",
        "a backoff with an unknown number": "invalid_option [reconnectDelay.inital]: reconnectDelay.inital is no option: there are initialMs, factor, capMs, jitter, startOverAfterMs, random, now",
        "a blank source id": "invalid_option [sourceId]: sourceId must be a name that is not empty",
        "a codec that is none": "invalid_option [codecs[0]]: codecs[0] must have encodeEvent and decodeEvent, or encode and decode",
        "a codec that only encodes": "invalid_option [codecs[0]]: codecs[0] must have encodeEvent and decodeEvent, or encode and decode",
        "a codec whose data type is text": "invalid_option [codecs[0]]: codecs[0] needs a dataType, such as CloudEventsDataType.parse('example.com.v1.widgets')",
        "a codec without a data type": "invalid_option [codecs[0]]: codecs[0] needs a dataType, such as CloudEventsDataType.parse('example.com.v1.widgets')",
        "a connect time of a month": "no failure",
        "a connect time that is no number": "invalid_option [connectTimeoutMs]: connectTimeoutMs is 5s: must be a number above 0, or Infinity for no limit",
        "a lister that is none": "invalid_option [lister]: lister must have a method list(options)",
        "a misspelled option": "invalid_option [autoRsync]: autoRsync is no option: is autoResync meant?",
        "a misspelled rate": "invalid_option [rateLimit.QPS]: rateLimit.QPS is no option: is qps meant?",
        "a misspelled rate limit": "invalid_option [options.ratelimit]: options.ratelimit is no option: is rateLimit meant?",
        "a publish time of 0": "invalid_option [publishTimeoutMs]: publishTimeoutMs is 0: must be a number above 0, or Infinity for no limit",
        "a publish time that is NaN": "invalid_option [publishTimeoutMs]: publishTimeoutMs is NaN: must be a number above 0, or Infinity for no limit",
        "a rate limit that is a number": "invalid_option [rateLimit]: rateLimit must be an object of qps, burst",
        "a rate that is no number": "invalid_option [rateLimit.qps]: rateLimit.qps is many; it must be a number",
        "an endless connect time": "no failure",
        "an endless publish time": "no failure",
        "an option in the wrong case": "invalid_option [Logger]: Logger is no option: is logger meant?",
        "an option of another place": "invalid_option [options.lister]: options.lister is no option: there are cloudEventsOptions, rateLimit, sourceId",
        "an option that is absent": "no failure",
        "an option that there is not": "invalid_option [heartbeats]: heartbeats is no option: there are options, lister, statusHashGetter, codecs, autoResync, publishTimeoutMs, connectTimeoutMs, reconnectDelay, maxPendingBytes, logger",
        "empty codecs": "invalid_option [codecs]: codecs must hold at least one codec",
        "endless pending bytes": "invalid_option [maxPendingBytes]: maxPendingBytes is Infinity: must be a number above 0",
        "good": "no failure",
        "half an event at once": "invalid_option [rateLimit.burst]: rateLimit.burst is 0.5; it must be a whole number of events",
        "no codecs": "invalid_option [codecs]: codecs must hold at least one codec",
        "no connection": "invalid_option [cloudEventsOptions]: cloudEventsOptions must say how to connect, such as grpcOptions({ url })",
        "no hash getter": "invalid_option [statusHashGetter]: statusHashGetter must be a function",
        "no lister": "invalid_option [lister]: lister must have a method list(options)",
        "no options": "invalid_option [options]: options is missing: use grpcSourceOptions(...), buildCloudEventsSourceOptions(...) or transportSourceOptions(...)",
        "no pending bytes": "invalid_option [maxPendingBytes]: maxPendingBytes is -1: must be a number above 0",
        "no source id": "invalid_option [sourceId]: sourceId must be a name that is not empty",
        "nothing at all": "invalid_option [config]: config is missing: create({ options, lister, statusHashGetter, codecs })",
        "options of an agent": "invalid_option [options]: options are for an agent; a source client needs grpcSourceOptions(...), buildCloudEventsSourceOptions(...) or transportSourceOptions(...)",
        "options of gRPC alone": "invalid_option [options]: options do not say who connects to what: use grpcSourceOptions(...), buildCloudEventsSourceOptions(...) or transportSourceOptions(...)",
        "options that are null": "invalid_option [options]: options is missing: use grpcSourceOptions(...), buildCloudEventsSourceOptions(...) or transportSourceOptions(...)",
        "options that are text": "invalid_option [options]: options do not say who connects to what: use grpcSourceOptions(...), buildCloudEventsSourceOptions(...) or transportSourceOptions(...)",
      }
    `);
  });

  test('an agent needs its cluster and its id', async () => {
    const agent = (clusterName: string, agentId: string) =>
      failure(
        CloudEventAgentClient.create<Part>({
          ...good,
          options: { cloudEventsOptions: nowhere.cloudEventsOptions, clusterName, agentId },
        }).then((client) => client.close()),
      );
    const given = (options: unknown) =>
      failure(
        CloudEventAgentClient.create<Part>({ ...good, options } as never).then((client) => client.close()),
      );
    expect({
      'no options': await given(undefined),
      'options of a source': await given(nowhere),
      'options of an agent': await given(agentOptions),
    }).toMatchInlineSnapshot(`
      {
        "no options": "invalid_option [options]: options is missing: use grpcAgentOptions(...), buildCloudEventsAgentOptions(...) or transportAgentOptions(...)",
        "options of a source": "invalid_option [options]: options are for a source; an agent client needs grpcAgentOptions(...), buildCloudEventsAgentOptions(...) or transportAgentOptions(...)",
        "options of an agent": "no failure",
      }
    `);
    expect([await agent('', 'a'), await agent('c1', ' '), await agent('c1', 'a')]).toMatchInlineSnapshot(`
      [
        "invalid_option [clusterName]: clusterName must be a name that is not empty",
        "invalid_option [agentId]: agentId must be a name that is not empty",
        "no failure",
      ]
    `);
  });

  test('options over gRPC are looked at before anything is connected', async () => {
    const create = async (options: Partial<GrpcOptions>) => {
      try {
        const made = grpcSourceOptions({ url: '127.0.0.1:1', ...options }, 'hub');
        return await failure(
          CloudEventSourceClient.create<Part>({ ...good, options: made }).then((client) => client.close()),
        );
      } catch (error) {
        return shown(error);
      }
    };
    expect({
      'no address': await create({ url: '' }),
      'an address that is absent': await create({ url: undefined as never }),
      'an address without a port': await create({ url: 'broker' }),
      'an address that is a number': await create({ url: 8090 as never }),
      'a misspelled address': await create({ url: undefined, URL: 'x:1' } as never),
      'a CA under a wrong name': await create({ cafile: '/nowhere/ca.pem' } as never),
      'an option that there is not': await create({ insecureSkipVerify: true } as never),
      'a misspelled ping': await create({ keepAliveConfig: { timeMS: 20_000 } as never }),
      'pings that are none': await create({ keepAliveConfig: true as never }),
      'a misspelled name': await create({ names: { caFile: '--ca' } as never }),
      'an address with a scheme': await create({ url: 'https://broker:8090' }),
      'a token without a CA': await create({ token: 'secret' }),
      'a token file without a CA': await create({ tokenFile: '/nowhere/token' }),
      'a certificate without its key': await create({ clientCertFile: '/nowhere/cert.pem' }),
      'a key without its certificate': await create({ clientKeyFile: '/nowhere/key.pem' }),
      'a CA that is not there': await create({ caFile: '/nowhere/ca.pem' }),
      'a CA that is none': await create({ caData: 'not a certificate' }),
    }).toMatchInlineSnapshot(`
      {
        "a CA that is none": "invalid_option [caData]: caData holds no certificate in PEM (-----BEGIN CERTIFICATE-----)",
        "a CA that is not there": "unreadable_file [caFile]: caFile: cannot read /nowhere/ca.pem: ENOENT: no such file or directory, open '/nowhere/ca.pem'",
        "a CA under a wrong name": "invalid_option [cafile]: cafile is no option: is caFile meant?",
        "a certificate without its key": "invalid_option [clientCertFile]: clientCertFile needs clientKeyFile beside it",
        "a key without its certificate": "invalid_option [clientKeyFile]: clientKeyFile needs clientCertFile beside it",
        "a misspelled address": "invalid_option [URL]: URL is no option: is url meant?",
        "a misspelled name": "invalid_option [names.caFile]: names.caFile is no option: there are url, ca, clientCert, clientKey, token",
        "a misspelled ping": "invalid_option [keepAliveConfig.timeMS]: keepAliveConfig.timeMS is no option: is timeMs meant?",
        "a token file without a CA": "invalid_option [tokenFile]: tokenFile needs caFile beside it: without TLS the token would cross the network in plain text",
        "a token without a CA": "invalid_option [token]: token needs caFile beside it: without TLS the token would cross the network in plain text",
        "an address that is a number": "invalid_option [url]: url must be text, not of type number: HOST:PORT",
        "an address that is absent": "invalid_option [url]: url is required: HOST:PORT of the server's gRPC port",
        "an address with a scheme": "invalid_option [url]: url: "https://broker:8090" is no address: it must be HOST:PORT, for example 127.0.0.1:8090 or [::1]:8090 (without a scheme: a CA makes it TLS)",
        "an address without a port": "invalid_option [url]: url: "broker" has no port: it must be HOST:PORT, for example 127.0.0.1:8090 or [::1]:8090",
        "an option that there is not": "invalid_option [insecureSkipVerify]: insecureSkipVerify is no option: there are type, url, caFile, caData, clientCertFile, clientCertData, clientKeyFile, clientKeyData, tokenFile, token, plainTextToken, keepAliveConfig, serverHealthinessTimeoutMs, connectTimeoutMs, maxReceiveBytes, watchIntervalMs, extension, names, logger",
        "no address": "invalid_option [url]: url: "" is no address: it must be HOST:PORT, for example 127.0.0.1:8090 or [::1]:8090",
        "pings that are none": "invalid_option [keepAliveConfig]: keepAliveConfig must be an object of enable, timeMs, timeoutMs, permitWithoutStream",
      }
    `);
  });
});

describe('what a client is called with', () => {
  let server: ScriptedServer;
  beforeEach(async () => {
    server = await ScriptedServer.start();
  });
  afterEach(() => server.stop());

  test('names what is wrong', async () => {
    await using source = await hubAt(server.address);
    await using agent = await agentAt(server.address, { lister: new PartStore([part('a', 'v7')]) });
    await source.subscribe(() => undefined);
    const reject = (error: string): never => {
      throw new Error(error);
    };
    await using encodes = await hubAt(server.address, {
      codecs: [{ ...eventCodec(), encodeEvent: () => reject('no bolts') }],
    });
    await using listless = await hubAt(server.address, { lister: { list: () => reject('no database') } });
    // As a program in JavaScript would get it wrong.
    await using nothing = await hubAt(server.address, {
      codecs: [{ ...eventCodec(), encodeEvent: (() => undefined) as never }],
    });
    await using gives = await hubAt(server.address, {
      codecs: [{ ...eventCodec(), encodeEvent: (_source, _type, resource) => resource.spec as never }],
    });
    const codecGives = (spec: unknown) => failure(gives.publish(typeOf('spec'), part('a', 1, { spec })));
    const names = { id: 'i', source: 'hub', type: String(typeOf('spec')) };
    await using noList = await hubAt(server.address, { lister: { list: (() => undefined) as never } });
    expect({
      'the wrong subresource': await failure(source.publish(typeOf('status'), part('a', 1))),
      'the wrong subresource of an agent': await failure(agent.publish(typeOf('spec'), part('a', 1))),
      'a second subscribe': await failure(source.subscribe(() => undefined)),
      'no handlers': await failure(agent.subscribe()),
      'a handler that is none': await failure(agent.subscribe('take' as never)),
      'waitFor without subscribe': await failure(encodes.waitFor('a', () => true)),
      'a version that is no number': await failure(agent.resync()),
      'a lister that throws': await failure(listless.resync()),
      'a lister that gives no list': await failure(noList.resync()),
      'a codec that throws': await failure(encodes.publish(typeOf('spec'), part('a', 1))),
      'a codec that gives nothing': await failure(nothing.publish(typeOf('spec'), part('a', 1))),
      'a codec that gives null': await codecGives(null),
      'a codec that gives half an event': await codecGives(names),
      'a codec that gives the class': await codecGives(new CloudEvent(names)),
      'a codec that gives a number for an id': await codecGives({ ...names, id: 7, extensions: new Map() }),
      'a codec that gives a blank id': await codecGives({ ...names, id: ' ', extensions: new Map() }),
      'a publish time that is no number': await failure(
        source.publish(typeOf('spec'), part('a', 1), { timeoutMs: Number.NaN }),
      ),
      'a publish time that is text': await failure(
        source.publish(typeOf('spec'), part('a', 1), { timeoutMs: '100' as never }),
      ),
      'an event type that is text': await failure(
        source.publish(String(typeOf('spec')) as never, part('a', 1)),
      ),
      'an event type of an agent that is text': await failure(
        agent.publish(String(typeOf('status')) as never, part('a', 1)),
      ),
      'no event type': await failure(source.publish(undefined as never, part('a', 1))),
      'an event type that is a number': await failure(agent.publish(3 as never, part('a', 1))),
    }).toMatchInlineSnapshot(`
      {
        "a codec that gives a blank id": "invalid_argument [id]: the id of the event is blank",
        "a codec that gives a number for an id": "invalid_argument [codecs]: the codec of the data type io.ce-broker.behaviour.v1.parts gave no event: encodeEvent must give what createEvent of ce-broker-proto makes (a codec that makes a CloudEvent has encode and decode instead)",
        "a codec that gives half an event": "invalid_argument [codecs]: the codec of the data type io.ce-broker.behaviour.v1.parts gave no event: encodeEvent must give what createEvent of ce-broker-proto makes (a codec that makes a CloudEvent has encode and decode instead)",
        "a codec that gives nothing": "invalid_argument [codecs]: the codec of the data type io.ce-broker.behaviour.v1.parts gave no event: encodeEvent must give what createEvent of ce-broker-proto makes (a codec that makes a CloudEvent has encode and decode instead)",
        "a codec that gives null": "invalid_argument [codecs]: the codec of the data type io.ce-broker.behaviour.v1.parts gave no event: encodeEvent must give what createEvent of ce-broker-proto makes (a codec that makes a CloudEvent has encode and decode instead)",
        "a codec that gives the class": "invalid_argument [codecs]: the codec of the data type io.ce-broker.behaviour.v1.parts gave no event: encodeEvent must give what createEvent of ce-broker-proto makes (a codec that makes a CloudEvent has encode and decode instead)",
        "a codec that throws": "no CeBrokerError: Error: no bolts",
        "a handler that is none": "invalid_argument [handlers]: subscribe takes functions: (action, resource, context)",
        "a lister that gives no list": "internal [lister]: the lister failed: list() threw: (intermediate value) is not iterable",
        "a lister that throws": "internal [lister]: the lister failed: list() threw: no database",
        "a publish time that is no number": "invalid_argument [timeoutMs]: timeoutMs is NaN: must be a number of milliseconds",
        "a publish time that is text": "invalid_argument [timeoutMs]: timeoutMs is 100: must be a number of milliseconds",
        "a second subscribe": "failed_precondition: this client is subscribed already: give all handlers to one subscribe(...)",
        "a version that is no number": "invalid_argument [resourceVersion]: resource a: the version "v7" is no whole number of 64 bits",
        "an event type of an agent that is text": "invalid_argument [eventType]: eventType must be a CloudEventsType: CloudEventsType.parse("io.ce-broker.behaviour.v1.parts.status.update_request")",
        "an event type that is a number": "invalid_argument [eventType]: eventType must be a CloudEventsType: CloudEventsType.parse(...)",
        "an event type that is text": "invalid_argument [eventType]: eventType must be a CloudEventsType: CloudEventsType.parse("io.ce-broker.behaviour.v1.parts.spec.update_request")",
        "no event type": "invalid_argument [eventType]: eventType must be a CloudEventsType: CloudEventsType.parse(...)",
        "no handlers": "invalid_argument [handlers]: subscribe needs at least one handler",
        "the wrong subresource": "invalid_argument [eventType]: a source publishes specs only, not io.ce-broker.behaviour.v1.parts.status.update_request",
        "the wrong subresource of an agent": "invalid_argument [eventType]: an agent publishes statuses only, not io.ce-broker.behaviour.v1.parts.spec.update_request",
        "waitFor without subscribe": "failed_precondition: waitFor needs a subscription: call subscribe first",
      }
    `);
  });

  test('what fails on receipt is told by status, and drops that event alone', async () => {
    const codec = {
      ...eventCodec(),
      decodeEvent: (event: Parameters<ReturnType<typeof eventCodec>['decodeEvent']>[0]) => {
        const got = eventCodec().decodeEvent(event);
        if (got.uid === 'undecodable') throw new Error('no bolts');
        return got;
      },
    };
    const lister = {
      list: () => [],
      get: (uid: string) => {
        if (uid === 'unlistable') throw new Error('no database');
        return uid === 'odd' ? part('odd', 'v1') : uid === 'held' ? part('held', 1) : undefined;
      },
    };
    await using agent = await agentAt(server.address, { codecs: [codec], lister });
    const log = new StatusLog(agent);
    const seen: string[] = [];
    await agent.subscribe((_, { uid }) => void seen.push(uid));
    for (const each of [
      part('undecodable', 1),
      part('unlistable', 1),
      part('odd', 2),
      part('held', 'v9'),
      part('end', 1),
    ]) {
      server.last.send(encodePart('hub', typeOf('spec'), each));
    }
    server.last.send(encodePart('hub', typeOf('status'), part('not-ours', 1)));
    await until('all are seen to', 5_000, () => seen.length === 1 && log.count('event-dropped') === 5);
    expect(seen).toEqual(['end']);
    expect(log.errors('event-dropped').toSorted()).toMatchInlineSnapshot(`
      [
        "internal: the lister failed: get() threw: no database",
        "invalid_argument: agent c1-agent of cluster c1 expects no event of type io.ce-broker.behaviour.v1.parts.status.update_request",
        "invalid_argument: resource held: the version "v9" is no whole number of 64 bits",
        "invalid_argument: resource odd: the version "v1" is no whole number of 64 bits",
        "unknown: no bolts",
      ]
    `);
  });
});

test('a handler that throws is logged with what it was given', async () => {
  const server = await ScriptedServer.start();
  const logged: object[] = [];
  try {
    await using agent = await agentAt(server.address, {
      logger: { ...SILENT, error: (fields, message) => void logged.push({ ...fields, message }) },
    });
    await agent.subscribe(() => {
      throw new Error('boom');
    });
    server.last.send(encodePart('hub', typeOf('spec'), part('a', 7)));
    await until('it is logged', 5_000, () => logged.length === 1);
    expect(logged).toEqual([
      {
        client: 'agent c1-agent of cluster c1',
        resourceId: 'a',
        action: 'ADDED',
        resourceVersion: '7',
        err: expect.objectContaining({ cause: new Error('boom') }),
        message: 'a handler failed: boom',
      },
    ]);
  } finally {
    await server.stop();
  }
});
