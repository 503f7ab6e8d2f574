// Node's http2, which is nghttp2, over memory, in a process of its own: some of what it is sent here makes Node itself abort, at times only
// when garbage is collected. It is sent the bytes of a client, and answers with what it made of them.
import { createServer } from 'node:http2';
import { Duplex } from 'node:stream';

let streams = new Map();
const server = createServer({
  settings: { initialWindowSize: 256 * 1024, maxConcurrentStreams: 10_000, maxHeaderListSize: 32 * 1024 },
});
server.on('session', (session) => {
  session.on('error', () => undefined);
  session.setLocalWindowSize(1024 * 1024);
});
server.on('sessionError', () => undefined);
server.on('stream', (stream, _headers, _flags, raw) => {
  const seen = { headers: raw, data: Buffer.alloc(0), trailers: undefined, ended: false, left: false };
  if (stream.id !== undefined) streams.set(stream.id, seen);
  let aborted = false;
  stream.on('error', () => undefined);
  stream.on('aborted', () => {
    aborted = true;
  });
  stream.on('data', (chunk) => {
    seen.data = Buffer.concat([seen.data, chunk]);
  });
  stream.on('trailers', (_fields, _bits, fields) => {
    seen.trailers = fields;
  });
  stream.on('end', () => {
    seen.ended = !aborted;
  });
});

/** In one piece: nghttp2 as it comes with Node counts each piece of a CONTINUATION frame as one more of them. */
async function observe(bytes) {
  const mine = new Map();
  streams = mine;
  const output = [];
  let closed = false;
  const socket = new Duplex({
    read: () => undefined,
    write: (chunk, _encoding, done) => {
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
  server.emit('connection', socket);
  await settled();
  if (!closed) socket.push(bytes);
  await settled();
  const seen = { streams: mine, output: Buffer.concat(output), closed };
  socket.destroy();
  await new Promise(setImmediate);
  return seen;
}

/** It works in turns of its own: headers, data and output come within a few. */
async function settled() {
  for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
}

process.on('message', async (bytes) => process.send(await observe(Buffer.from(bytes))));
