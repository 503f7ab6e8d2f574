import { join } from 'node:path';
import { root } from './prepare.mjs';

/** The packages that are published, in the order of their dependencies. */
export const packages = Object.freeze([
  { name: 'ce-broker-proto', folder: join(root, 'proto') },
  { name: 'ce-broker', folder: join(root, 'packages', 'broker') },
  { name: 'ce-broker-client', folder: join(root, 'packages', 'client') },
]);
