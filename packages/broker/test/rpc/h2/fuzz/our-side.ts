import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { H2Connection } from '../../../../src/rpc/h2/connection.js';
import { H2Engine } from '../../../../src/rpc/h2/engine.js';
import type { RpcMethods } from '../../../../src/rpc/index.js';
import { ServerMonitor } from '../conformance/monitor.js';
import { type Observation, OutputReader } from './observation.js';
import { CALL, type Frame, TALK } from './valid-connection.js';
import { Watcher } from './watcher.js';

/** A socket without a network, because a million of them could not be had otherwise. It takes everything at once. */
export class MemorySocket extends EventEmitter {
  readonly output = new OutputReader();
  readonly writableLength = 0;
  ended = false;
  destroyed = false;
  written = 0;

  write(bytes: Buffer): boolean {
    this.written += bytes.length;
    // The writer uses its buffer again.
    this.output.push(Buffer.from(bytes));
    return true;
  }

  cork(): void {}

  uncork(): void {}

  end(): this {
    this.ended = true;
    return this;
  }

  destroy(): this {
    this.ended = true;
    this.destroyed = true;
    return this;
  }

  /** The peer is gone. */
  close(): void {
    this.emit('close');
  }
}

/** Calls that are never answered, and streams whose messages are all read; or both answer with what they were sent. */
function methods(answers: boolean): RpcMethods {
  return {
    [CALL]: {
      kind: 'unary',
      handle: (call, request) => {
        if (answers) call.reply(Buffer.from(request));
      },
    },
    [TALK]: {
      kind: 'bidi-stream',
      open: (stream) => {
        stream.listener = {
          message: (message) => {
            if (answers) stream.write(Buffer.from(message));
            stream.read();
          },
          halfClosed: () => {
            if (answers) stream.end(0, '');
          },
          ending: () => false,
          writable: () => undefined,
          closed: () => undefined,
        };
        stream.sendHeaders({});
        stream.read();
      },
    },
  };
}

/** An engine that listens nowhere: connections are put to it by hand. */
export class OurSide {
  readonly faults: unknown[] = [];
  readonly engine: H2Engine;

  constructor(answers = false) {
    this.engine = new H2Engine({
      methods: methods(answers),
      tls: undefined,
      maxMessageBytes: 64 * 1024,
      streamBufferBytes: 64 * 1024,
      keepaliveTimeMs: 30_000,
      keepaliveTimeoutMs: 10_000,
      onFault: (error) => this.faults.push(error),
      limits: { minClientPingIntervalMs: 0 },
    });
  }

  connect(): { readonly socket: MemorySocket; readonly connection: H2Connection } {
    const socket = new MemorySocket();
    const connection = new H2Connection(socket as unknown as Socket, '127.0.0.1:1', undefined, this.engine);
    return { socket, connection };
  }

  /** What goes on off this thread, such as inflating, is over. */
  async settled(): Promise<void> {
    while (this.engine.inflater.running > 0) await new Promise(setImmediate);
  }

  close(): Promise<void> {
    return this.engine.close();
  }

  /** Puts the chunks to a connection, and then ends it; gives what the connection still holds on to. */
  async survive(attacks: readonly (readonly Buffer[])[]): Promise<number> {
    const open = attacks.map((chunks) => {
      const { socket, connection } = this.connect();
      for (const chunk of chunks) if (!socket.ended) socket.emit('data', chunk);
      return { socket, connection };
    });
    await new Promise(setImmediate);
    for (const { connection } of open) connection.tick(performance.now());
    await new Promise(setImmediate);
    for (const { socket } of open) socket.close();
    return open.reduce((sum, { connection }) => sum + connection.openStreams, 0);
  }

  /** Which rules this side broke in what it sent. */
  async audit(chunks: readonly Buffer[], frames: readonly Frame[]): Promise<readonly string[]> {
    const { socket } = this.connect();
    const monitor = new ServerMonitor();
    for (const { type, flags, streamId, payload } of frames)
      monitor.sent(type, flags, streamId & 0x7fff_ffff, payload);
    socket.output.onFrame = (type, flags, streamId, payload) =>
      monitor.received(type, flags, streamId, payload);
    for (const chunk of chunks) {
      if (!socket.ended) socket.emit('data', chunk);
      await new Promise(setImmediate);
    }
    await this.settled();
    await new Promise(setImmediate);
    socket.close();
    return monitor.violations;
  }

  /** What this side makes of the chunks. */
  async observe(chunks: readonly Buffer[]): Promise<Observation> {
    const { socket, connection } = this.connect();
    const { streams, told, malformed } = new Watcher(connection);
    for (const chunk of chunks) {
      if (socket.ended) break;
      socket.emit('data', chunk);
    }
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    const { goAway, goAwayText, resets, answered } = socket.output;
    const seen: Observation = {
      streams,
      goAway,
      goAwayText,
      resets,
      answered,
      closed: socket.ended,
      told,
      malformed,
    };
    socket.close();
    return seen;
  }
}
