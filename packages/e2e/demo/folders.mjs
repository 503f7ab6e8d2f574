import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The files of a folder by name, without the hidden ones. */
export function filesOf(folder) {
  let names = [];
  try {
    names = readdirSync(folder).filter((name) => !name.startsWith('.'));
  } catch {
    // It is not there yet.
  }
  return new Map(names.sort().map((name) => [name, readFileSync(join(folder, name))]));
}

/** How one folder differs from what it should be; empty when it does not, byte for byte. */
export function differences(should, is) {
  const [wanted, there] = [filesOf(should), filesOf(is)];
  const told = [];
  for (const [name, content] of wanted) {
    const applied = there.get(name);
    if (applied === undefined) told.push(`${name} is missing`);
    else if (!applied.equals(content)) told.push(`${name} has another content`);
  }
  for (const name of there.keys()) if (!wanted.has(name)) told.push(`${name} should be gone`);
  return told;
}
