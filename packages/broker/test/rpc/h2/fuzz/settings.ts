/** How much is tried. The short form runs with the tests; `run.mjs` beside this file is the long one. */
const { CE_BROKER_FUZZ_CONNECTIONS, CE_BROKER_FUZZ_COMPARED, CE_BROKER_FUZZ_SEED } = process.env;

export const SEED = Number(CE_BROKER_FUZZ_SEED ?? 20_261_128);
/** Connections that the engine must outlive. */
export const CONNECTIONS = Number(CE_BROKER_FUZZ_CONNECTIONS ?? 20_000);
/** Connections that are shown to nghttp2 too. */
export const COMPARED = Number(CE_BROKER_FUZZ_COMPARED ?? 3_000);
export const TIMEOUT_MS = 60_000 + Math.ceil((CONNECTIONS + COMPARED * 5) * 2);
