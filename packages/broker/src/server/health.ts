import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { CeBrokerError } from 'ce-broker-proto';
import type { RpcMethods, ServerStream, StreamListener, UnaryCall } from '../rpc/index.js';
import { clipStatus } from './clip.js';

const SERVICES: readonly string[] = ['', 'io.cloudevents.v1.CloudEventService', 'ce_broker.v1.Broker'];

/** `HealthCheckResponse.ServingStatus`. */
const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;

const OK = 0;
const NOT_FOUND = 5;
const INTERNAL = 13;

/**
 * `grpc.health.v1.Health` over any engine: the broker as a whole (the empty name) and each of its services. Whoever can connect may
 * ask, without a token: probes have none.
 */
export class Health {
  readonly methods: RpcMethods;
  readonly #watching = new Set<Watcher>();
  #serving = true;

  constructor() {
    this.methods = {
      '/grpc.health.v1.Health/Check': {
        kind: 'unary',
        handle: (call, request) => this.#check(call, request),
      },
      '/grpc.health.v1.Health/List': { kind: 'unary', handle: (call) => call.reply(this.#list()) },
      '/grpc.health.v1.Health/Watch': {
        kind: 'server-stream',
        open: (stream, request) => this.#watch(stream, request),
      },
    };
  }

  /** NOT_SERVING from now on. Whoever watches is told, and its stream ends: it would hold its connection. */
  drain(): void {
    this.#serving = false;
    for (const { stream, known } of [...this.#watching]) {
      if (known) stream.write(response(NOT_SERVING));
      stream.end(OK, '');
    }
  }

  #check(call: UnaryCall, request: Uint8Array): void {
    const service = serviceIn(request, call);
    if (service === undefined) return;
    if (SERVICES.includes(service)) call.reply(response(this.#status()));
    else call.fail(NOT_FOUND, clipStatus(`this broker has no service ${JSON.stringify(service)}`));
  }

  #list(): Uint8Array {
    const writer = new BinaryWriter();
    for (const service of SERVICES) {
      writer.tag(1, WireType.LengthDelimited).fork();
      writer.tag(1, WireType.LengthDelimited).string(service);
      writer.tag(2, WireType.LengthDelimited).bytes(response(this.#status()));
      writer.join();
    }
    return writer.finish();
  }

  #watch(stream: ServerStream, request: Uint8Array): void {
    const service = serviceIn(request, { fail: (code, message) => stream.end(code, message) });
    if (service === undefined) return;
    const known = SERVICES.includes(service);
    const watcher: Watcher = {
      stream,
      known,
      writable: () => undefined,
      closed: () => this.#watching.delete(watcher),
    };
    stream.listener = watcher;
    this.#watching.add(watcher);
    stream.sendHeaders({});
    stream.write(response(known ? this.#status() : SERVICE_UNKNOWN));
    if (!this.#serving) stream.end(OK, '');
  }

  #status(): number {
    return this.#serving ? SERVING : NOT_SERVING;
  }
}

interface Watcher extends StreamListener {
  readonly stream: ServerStream;
  /** It watches a service that there is: all have the same status. */
  readonly known: boolean;
}

/** `service` of a HealthCheckRequest; undefined: it cannot be read, and the call has been told. */
function serviceIn(request: Uint8Array, call: Pick<UnaryCall, 'fail'>): string | undefined {
  try {
    const reader = new BinaryReader(request);
    let service = '';
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field === 1 && type === WireType.LengthDelimited) service = reader.string();
      else reader.skip(type, field);
    }
    return service;
  } catch (thrown) {
    call.fail(
      INTERNAL,
      clipStatus(`the HealthCheckRequest cannot be read: ${CeBrokerError.from(thrown).message}`),
    );
    return undefined;
  }
}

/** A HealthCheckResponse. */
function response(status: number): Uint8Array {
  return new BinaryWriter().tag(1, WireType.Varint).int32(status).finish();
}
