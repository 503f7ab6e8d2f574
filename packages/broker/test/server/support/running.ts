import {
  type AttributeValue,
  createEvent,
  decodeEvent,
  type Event,
  encodeEvent,
  encodePublishRequest,
  encodeSubscriptionRequest,
  isHeartbeat,
} from 'ce-broker-proto';
import type { Broker, BrokerOptions, Logger } from '../../../src/index.js';
import { startBroker } from '../../../src/index.js';
import { frame, type Outcome, type RawCall, RawClient } from '../../rpc/support/raw-client.js';

export const PUBLISH = '/io.cloudevents.v1.CloudEventService/Publish';
export const SUBSCRIBE = '/io.cloudevents.v1.CloudEventService/Subscribe';
export const DATA_TYPE = 'example.com.v1.widgets';

export interface Line {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A logger that remembers. */
export class Log implements Logger {
  readonly lines: Line[] = [];
  private waiting: { readonly pattern: RegExp; readonly resolve: () => void }[] = [];
  readonly debug = this.writer('debug');
  readonly info = this.writer('info');
  readonly warn = this.writer('warn');
  readonly error = this.writer('error');

  isLevelEnabled(): boolean {
    return true;
  }

  /** Resolves when a line with such a message is there. */
  said(pattern: RegExp): Promise<void> {
    if (this.lines.some(({ message }) => pattern.test(message))) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ pattern, resolve }));
  }

  private writer(level: string): (fields: object, message: string) => void {
    return (fields, message) => {
      this.lines.push({ level, fields: { ...fields }, message });
      this.waiting = this.waiting.filter(({ pattern, resolve }) => {
        if (!pattern.test(message)) return true;
        resolve();
        return false;
      });
    };
  }
}

/** What CE_BROKER_RPC_ENGINE names; undefined: the default. */
function engineUnderTest(): BrokerOptions['rpcEngine'] {
  const name = process.env['CE_BROKER_RPC_ENGINE'];
  if (name === undefined || name === 'h2' || name === 'grpc-js') return name;
  throw new Error(`CE_BROKER_RPC_ENGINE is ${name}: h2 or grpc-js`);
}

/** A broker on a free port, with what it logged; disposing closes it and the clients made here. */
export class Running implements AsyncDisposable {
  readonly broker: Broker;
  readonly log: Log;
  private readonly clients: RawClient[] = [];

  private constructor(broker: Broker, log: Log) {
    this.broker = broker;
    this.log = log;
  }

  get lines(): readonly Line[] {
    return this.log.lines;
  }

  static async start(options: BrokerOptions = {}): Promise<Running> {
    const log = new Log();
    const broker = await startBroker({
      listen: '127.0.0.1:0',
      logger: log,
      rpcEngine: engineUnderTest(),
      ...options,
    });
    return new Running(broker, log);
  }

  get port(): number {
    return this.broker.address?.port ?? 0;
  }

  client(): RawClient {
    const client = new RawClient(`http://127.0.0.1:${this.port}`);
    this.clients.push(client);
    return client;
  }

  /** What the admin port answers. */
  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.broker.adminAddress?.port ?? 0}${path}`, init);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client.close();
    await this.broker.close({ graceMs: 0 });
  }
}

export interface EventParts {
  readonly id?: string;
  readonly source?: string;
  readonly dataType?: string;
  readonly sub?: 'spec' | 'status';
  readonly action?: string;
  readonly cluster?: string;
  readonly resourceId?: string;
  readonly version?: number;
  readonly extensions?: Readonly<Record<string, string>>;
  readonly data?: string;
}

let counter = 0;

/** An event with everything that routing needs, each with an id of its own. */
export function eventOf(parts: EventParts = {}): Event {
  counter += 1;
  const { dataType = DATA_TYPE, sub = 'spec', action = 'create_request' } = parts;
  const extensions = new Map<string, AttributeValue>([
    ['clustername', text(parts.cluster ?? 'c1')],
    ['resourceid', text(parts.resourceId ?? 'r1')],
    ['resourceversion', { kind: 'integer', value: parts.version ?? 1 }],
  ]);
  for (const [name, value] of Object.entries(parts.extensions ?? {})) extensions.set(name, text(value));
  return createEvent({
    id: parts.id ?? `event-${counter}`,
    source: parts.source ?? 's1',
    type: `${dataType}.${sub}.${action}`,
    extensions,
    dataContentType: parts.data === undefined ? undefined : 'application/json',
    data: parts.data === undefined ? undefined : { kind: 'binary', value: Buffer.from(parts.data) },
  });
}

export function statusOf(parts: EventParts = {}): Event {
  return eventOf({
    sub: 'status',
    action: 'update_request',
    source: 'c1-agent',
    ...parts,
    extensions: { originalsource: 's1', ...parts.extensions },
  });
}

export function requestOf(event: Event): Buffer {
  return encodePublishRequest(encodeEvent(event));
}

export function publish(
  client: RawClient,
  event: Event,
  headers: Record<string, string> = {},
): Promise<Outcome> {
  return client.call(PUBLISH, requestOf(event), headers);
}

/** Opens a subscription and waits for its headers. */
export async function subscribed(
  client: RawClient,
  request: { source?: string; clusterName?: string; dataType?: string },
  headers: Record<string, string> = {},
): Promise<RawCall> {
  const call = openSubscription(client, request, headers);
  await call.headers;
  return call;
}

export function openSubscription(
  client: RawClient,
  {
    source = '',
    clusterName = '',
    dataType = '',
  }: { source?: string; clusterName?: string; dataType?: string },
  headers: Record<string, string> = {},
): RawCall {
  return client
    .open(SUBSCRIBE, frame(encodeSubscriptionRequest({ source, clusterName, dataType })), headers)
    .read();
}

/** The first events of a stream, heartbeats left out. */
export async function events(call: RawCall, count: number): Promise<Event[]> {
  for (let wanted = count; ; wanted += 1) {
    const messages = await call.messages(wanted);
    const found = messages.filter((message) => !isHeartbeat(message));
    if (found.length >= count) return found.map((message) => decodeEvent(message));
  }
}

/** The first event that fits; what comes before it is skipped (the broker asks agents and sources, too). */
export async function eventWhere(call: RawCall, fits: (event: Event) => boolean): Promise<Event> {
  for (let wanted = 1; ; wanted += 1) {
    const found = (await events(call, wanted)).find(fits);
    if (found !== undefined) return found;
  }
}

/** A promise, and how to resolve it. */
export function gate<T = void>(): { readonly opened: Promise<T>; open(value: T): void } {
  let open: (value: T) => void = () => undefined;
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

function text(value: string): AttributeValue {
  return { kind: 'string', value };
}
