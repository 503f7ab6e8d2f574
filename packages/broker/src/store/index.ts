export { type LmdbOptions, lmdbStore } from './open-store.js';
