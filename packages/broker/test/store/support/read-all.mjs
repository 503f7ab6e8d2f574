// Opens the stores whose directories come on stdin, one a line, reads and rewrites all that is in them, and says how each one went.
// A store that LMDB cannot bear ends this process by a signal.
import { createInterface } from 'node:readline';
import { open } from 'lmdb';

const BINARY = { encoding: 'binary', keyEncoding: 'binary', cache: false };

for await (const path of createInterface({ input: process.stdin })) {
  const errors = [];
  let env;
  try {
    env = open({ ...BINARY, path, noSubdir: false, maxDbs: 16, overlappingSync: false, noSync: true });
    for (const name of ['events', 'heads', 'journal']) await useAll(env.openDB({ ...BINARY, name }), errors);
  } catch (error) {
    errors.push(error.message);
  }
  await env?.close().catch(() => undefined);
  console.log(errors.length === 0 ? 'fine' : `errors: ${errors.join('; ')}`);
}

async function useAll(database, errors) {
  const keys = [];
  let bits = 0;
  try {
    for (const { key, value } of database.getRange({})) {
      keys.push(Buffer.from(key));
      for (const byte of value) bits ^= byte;
    }
    for (const key of keys) bits ^= database.get(key)?.[0] ?? 0;
    for (let turn = 0; turn < 4; turn++) {
      const mine = keys.filter((_, index) => index % 5 === turn);
      await Promise.all(
        mine.map((key, index) =>
          index % 3 === 0
            ? database.remove(key)
            : database.put(key, Buffer.alloc(index % 40 === 1 ? 9_000 : 150)),
        ),
      );
    }
  } catch (error) {
    errors.push(error.message);
  }
  return bits;
}
