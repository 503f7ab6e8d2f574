import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { CeBrokerError } from 'ce-broker-proto';
import type { BidiListener, BidiStream, RpcMethods, RpcPeer } from '../rpc/index.js';
import { clipStatus } from './clip.js';
import { completeDescriptors } from './complete-descriptors.js';

const VERSIONS = ['v1', 'v1alpha'] as const;
const OK = 0;
const RESOURCE_EXHAUSTED = 8;
/** Nobody needs more, and each may hold unread answers. */
const MOST_STREAMS_OF_A_PEER = 64;
const INTERNAL = 13;

/** The one method of a reflection service, as @grpc/reflection makes it for a server of grpc-js. */
interface Answerer {
  /** Listens on the call for `data` and `end`, and answers each question at once. */
  readonly handle: (call: ReflectionCall) => void;
  readonly serialize: (answer: unknown) => Uint8Array;
  readonly deserialize: (question: Buffer) => unknown;
}

/**
 * gRPC reflection of our services, of health and of itself, over any engine; whoever can connect may ask. Reading the proto files and
 * indexing them takes a tenth of a second, and few ever ask: it happens with the first question, and a start need not wait for it.
 */
export function reflectionMethods(): RpcMethods {
  let loaded: ReadonlyMap<string, Answerer> | undefined;
  const open = new WeakMap<RpcPeer, number>();
  const begin = (stream: BidiStream, answerer: Answerer): void => {
    const { peer } = stream;
    const before = open.get(peer) ?? 0;
    if (before >= MOST_STREAMS_OF_A_PEER) {
      const text = `this connection has ${before} reflection streams open, and may have no more: ask on those`;
      stream.end(RESOURCE_EXHAUSTED, text);
      return;
    }
    open.set(peer, before + 1);
    new ReflectionCall(stream, answerer, () => open.set(peer, (open.get(peer) ?? 1) - 1)).begin();
  };
  return Object.fromEntries(
    VERSIONS.map((version) => {
      const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
      const answerer = (): Answerer => {
        loaded ??= loadReflection();
        const found = loaded.get(path);
        if (found === undefined) throw new Error(`@grpc/reflection does not serve ${path}`);
        return found;
      };
      return [path, { kind: 'bidi-stream', open: (stream) => begin(stream, answerer()) }];
    }),
  );
}

/** A stream of questions: each is answered, in order, before the next one is asked for. */
class ReflectionCall extends EventEmitter implements BidiListener {
  readonly #stream: BidiStream;
  readonly #answerer: Answerer;
  readonly #over: () => void;
  #waiting = false;

  constructor(stream: BidiStream, answerer: Answerer, over: () => void) {
    super();
    this.#over = over;
    this.#stream = stream;
    this.#answerer = answerer;
  }

  begin(): void {
    this.#stream.listener = this;
    this.#stream.sendHeaders({});
    this.#answerer.handle(this);
    this.#stream.read();
  }

  /** Called by the library. */
  write(answer: unknown): void {
    this.#stream.write(this.#answerer.serialize(answer));
  }

  /** Called by the library. */
  end(): void {
    this.#stream.end(OK, '');
  }

  message(bytes: Uint8Array): void {
    let question: unknown;
    try {
      question = this.#answerer.deserialize(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    } catch (thrown) {
      const { message } = CeBrokerError.from(thrown);
      this.#stream.end(INTERNAL, clipStatus(`the ServerReflectionRequest cannot be read: ${message}`));
      return;
    }
    this.emit('data', question);
    this.#waiting = this.#stream.writableBytes() <= 0;
    if (!this.#waiting) this.#stream.read();
  }

  halfClosed(): void {
    this.emit('end');
  }

  writable(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#stream.read();
  }

  ending(): boolean {
    return false;
  }

  closed(): void {
    this.removeAllListeners();
    this.#over();
  }
}

/** Loaded by `require`, because a call that has come in waits for it. The answerers by the paths of their methods. */
function loadReflection(): ReadonlyMap<string, Answerer> {
  const require = createRequire(import.meta.url);
  const reflection = require('@grpc/reflection') as typeof import('@grpc/reflection');
  const loader = require('@grpc/proto-loader') as typeof import('@grpc/proto-loader');
  const ownProtos = dirname(require.resolve('ce-broker-proto/package.json'));
  const healthProtos = dirname(require.resolve('grpc-health-check/proto/health/v1/health.proto'));
  const reflectionProtos = join(dirname(require.resolve('@grpc/reflection')), '..', 'proto');
  const described = loader.loadSync(
    [
      'io/cloudevents/v1/cloudevents.proto',
      'ce_broker/v1/broker.proto',
      'health.proto',
      ...VERSIONS.map((version) => `grpc/reflection/${version}/reflection.proto`),
    ],
    {
      includeDirs: [ownProtos, healthProtos, reflectionProtos],
      keepCase: true,
      longs: String,
      enums: String,
    },
  );
  const answerers = new Map<string, Answerer>();
  new reflection.ReflectionService(completeDescriptors(described)).addToServer({
    addService(definition, implementation) {
      for (const [name, { path, requestDeserialize, responseSerialize }] of Object.entries(definition)) {
        const handler: unknown = implementation[name];
        if (typeof handler !== 'function') continue;
        answerers.set(path, {
          handle: (call) => Reflect.apply(handler, undefined, [call]),
          serialize: responseSerialize,
          deserialize: requestDeserialize,
        });
      }
    },
  });
  return answerers;
}
