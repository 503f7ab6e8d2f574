// Writes versions of some keys straight to LMDB, and says in the witness file which are committed.
// node lmdb-writer.mjs FOLDER WITNESS COMMITS sound|early|unsynced
// `early` says so before it is true, `unsynced` does not sync: the proof must find both out.
import { openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';

const broker = new URL('../../broker/package.json', import.meta.url);
const { open } = createRequire(broker)('lmdb');
const [, , path, witnessPath, commits, mode] = process.argv;
const witness = openSync(witnessPath, 'a');
const BINARY = { encoding: 'binary', keyEncoding: 'binary', cache: false };
const env = open({
  ...BINARY,
  path,
  noSubdir: false,
  overlappingSync: false,
  noMemInit: true,
  noSync: mode === 'unsynced',
});
const records = env.openDB({ ...BINARY, name: 'records' });
const log = env.openDB({ ...BINARY, name: 'log' });

let position = 0;
for (let version = 1; version <= Number(commits); version++) {
  const lines = [];
  let committed;
  for (let i = 0; i < 8; i++) {
    const key = `key-${(version * 7 + i * 13) % 60}`;
    records.put(Buffer.from(key), value(version, i === 3 ? 9_000 : 300));
    const at = Buffer.alloc(8);
    at.writeUInt32BE(++position, 4);
    committed = log.put(at, value(version, 1_000), { append: true });
    if (position > 200) {
      at.writeUInt32BE(position - 200, 4);
      committed = log.remove(Buffer.from(at));
    }
    lines.push(`${key} ${version}\n`);
  }
  if (mode === 'early') writeSync(witness, lines.join(''));
  await committed;
  if (mode !== 'early') writeSync(witness, lines.join(''));
}
await env.close();

/** The version, again and again: a value of which parts are of another one shows. */
function value(version, bytes) {
  const whole = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) whole.writeUInt32LE(version, at);
  return whole;
}
