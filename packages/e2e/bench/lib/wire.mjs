/** Single events and calls over the raw wire, for the parts that measure one exchange and not a stream of them. */
import { randomUUID } from 'node:crypto';
import {
  HuffmanDecoder,
  PUBLISH_PATH,
  RawConnection,
  SUBSCRIBE_PATH,
  subscriptionRequest,
} from './load-library.mjs';

export const DATA_TYPE = 'io.open-cluster-management.works.v1alpha1.manifestbundles';
const huffman = new HuffmanDecoder();
/** Another process must not use the same ids: a broker takes an event that it has seen for a repetition. */
const run = randomUUID().slice(0, 8);
let eventCount = 0;

const varint = (value) => {
  const bytes = [];
  while (value >= 128) {
    bytes.push((value % 128) | 128);
    value = Math.floor(value / 128);
  }
  bytes.push(value);
  return Buffer.from(bytes);
};
const field = (number, content) => {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(bytes.length), bytes]);
};
const attribute = (name, value) => field(5, Buffer.concat([field(1, name), field(2, value)]));

/** A PublishRequest with its gRPC prefix; `attributes` are strings, `version` goes out as an integer. */
export function publishRequest({ source, type, attributes, version, data }) {
  eventCount += 1;
  const event = Buffer.concat([
    field(1, `${run}-0000-4000-8000-${String(eventCount).padStart(12, '0')}`),
    field(2, source),
    field(3, '1.0'),
    field(4, type),
    ...Object.entries(attributes).map(([name, value]) =>
      attribute(name === 'contenttype' ? name : `ce-${name}`, field(3, value)),
    ),
    ...(version === undefined
      ? []
      : [attribute('ce-resourceversion', Buffer.concat([Buffer.from([0x10]), varint(version)]))]),
    field(6, data),
  ]);
  const request = field(1, event);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(request.length, 1);
  return Buffer.concat([prefix, request]);
}

/** What an agent asks after it (re)connected: `versions` is what it has, as [id, version] pairs. */
export function specResyncRequest(cluster, versions) {
  const list = versions.map(([resourceID, resourceVersion]) => ({ resourceID, resourceVersion }));
  return publishRequest({
    source: `${cluster}-agent`,
    type: `${DATA_TYPE}.spec.resync_request`,
    attributes: { clustername: cluster, originalsource: '', contenttype: 'application/json' },
    data: JSON.stringify({ resourceVersions: list }),
  });
}

async function open(server, path) {
  const connection = await RawConnection.connect({
    host: '127.0.0.1',
    port: server.port,
    path,
    tls: undefined,
    token: undefined,
    connectTimeoutMs: 10_000,
    huffman,
  });
  return connection;
}

/** A connection for Publish calls: `publish(body)` resolves at OK. */
export async function openPublisher(server) {
  const connection = await open(server, PUBLISH_PATH);
  return {
    close: () => connection.close(),
    publish: (body) =>
      new Promise((resolve, reject) => {
        const closed = (_stream, status, message) =>
          status === 0 ? resolve() : reject(new Error(`Publish: status ${status} ${message}`));
        connection.open(body, { closed }, 0);
        connection.flush();
      }),
  };
}

/**
 * A connection with one agent's subscription per cluster; resolves when all have their headers. A subscription that ends
 * before `close` ends the process: nothing that is measured then would mean anything.
 */
export async function openAgents(server, clusters, message) {
  const connection = await open(server, SUBSCRIBE_PATH);
  let settled = false;
  let closing = false;
  await Promise.all(
    clusters.map(
      (cluster) =>
        new Promise((resolve, reject) => {
          connection.open(
            subscriptionRequest({ cluster, dataType: DATA_TYPE }),
            {
              opened: resolve,
              message: (_stream, bytes, start, end) => message(cluster, bytes, start, end),
              closed: (_stream, status, text) => {
                const error = new Error(`the subscription of ${cluster} ended: status ${status} ${text}`);
                if (!settled) reject(error);
                else if (!closing) throw error;
              },
            },
            0,
          );
          connection.flush();
        }),
    ),
  );
  settled = true;
  return {
    /** Of the whole connection, with all framing. */
    get bytesReceived() {
      return connection.bytesReceived;
    },
    close() {
      closing = true;
      connection.close();
    },
  };
}

/** Rejects when a promise takes too long. */
export async function within(seconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The type of an event (field 4). */
export function eventType(bytes, start, end) {
  let at = start;
  while (at < end) {
    const number = bytes[at] >> 3;
    at += 1;
    let length = 0;
    let factor = 1;
    let byte;
    do {
      byte = bytes[at++];
      length += (byte & 127) * factor;
      factor *= 128;
    } while (byte & 128);
    if (number === 4) return bytes.latin1Slice(at, at + length);
    at += length;
  }
  return '';
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
