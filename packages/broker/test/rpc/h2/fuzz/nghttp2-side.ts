import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import { type Observation, OutputReader, type SeenStream } from './observation.js';

/** Node's http2, which is nghttp2, over memory. */
export class Nghttp2Side {
  readonly #server: Http2Server;
  #streams = new Map<number, SeenStream>();

  constructor() {
    this.#server = createServer({
      settings: { initialWindowSize: 256 * 1024, maxConcurrentStreams: 10_000, maxHeaderListSize: 32 * 1024 },
    });
    this.#server.on('session', (session: ServerHttp2Session) => {
      session.on('error', () => undefined);
      session.setLocalWindowSize(1024 * 1024);
    });
    this.#server.on('sessionError', () => undefined);
    this.#server.on(
      'stream',
      (stream: ServerHttp2Stream, _headers: unknown, _flags: unknown, raw: string[]) => {
        const seen: SeenStream = {
          headers: raw,
          data: Buffer.alloc(0),
          trailers: undefined,
          ended: false,
          left: false,
        };
        if (stream.id !== undefined) this.#streams.set(stream.id, seen);
        let aborted = false;
        stream.on('error', () => undefined);
        stream.on('aborted', () => {
          aborted = true;
        });
        stream.on('data', (chunk: Buffer) => {
          seen.data = Buffer.concat([seen.data, chunk]);
        });
        stream.on('trailers', (_fields: unknown, _bits: unknown, fields: string[]) => {
          seen.trailers = fields;
        });
        stream.on('end', () => {
          seen.ended = !aborted;
        });
      },
    );
  }

  close(): void {
    this.#server.close();
  }

  /** In one piece: nghttp2 as it comes with Node counts each piece of a CONTINUATION frame as one more of them. */
  async observe(bytes: Buffer): Promise<Observation> {
    const streams = new Map<number, SeenStream>();
    this.#streams = streams;
    const output = new OutputReader();
    let closed = false;
    const socket = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        output.push(Buffer.from(chunk));
        done();
      },
      final: (done) => {
        closed = true;
        done();
      },
      destroy: (error, done) => {
        closed = true;
        done(error);
      },
    });
    socket.on('error', () => undefined);
    this.#server.emit('connection', socket);
    await settled();
    if (!closed) socket.push(Buffer.from(bytes));
    await settled();
    const { goAway, goAwayText, resets, answered } = output;
    const seen: Observation = {
      streams,
      goAway,
      goAwayText,
      resets,
      answered,
      closed,
      told: [],
      malformed: [],
    };
    socket.destroy();
    await new Promise(setImmediate);
    return seen;
  }
}

/** It works in turns of its own: headers, data and output come within a few. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
}
