// Reads the stores of lmdb-writer.mjs whose folders come on stdin, one a line: answers {"key": version} as JSON, -1 for a value that is not whole.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { open } = createRequire(new URL('../../broker/package.json', import.meta.url))('lmdb');
const BINARY = { encoding: 'binary', keyEncoding: 'binary', cache: false };

for await (const path of createInterface({ input: process.stdin })) {
  const env = open({ ...BINARY, path, noSubdir: false, overlappingSync: false, noSync: true });
  const found = {};
  for (const { key, value } of env.openDB({ ...BINARY, name: 'records' }).getRange({})) {
    found[key.toString()] = versionOf(value);
  }
  for (const { key, value } of env.openDB({ ...BINARY, name: 'log' }).getRange({})) {
    if (versionOf(value) < 0) found[`log ${key.toString('hex')}`] = -1;
  }
  await env.close();
  console.log(JSON.stringify(found));
}

function versionOf(value) {
  const version = value.readUInt32LE(0);
  for (let at = 0; at + 4 <= value.length; at += 4) if (value.readUInt32LE(at) !== version) return -1;
  return version;
}
