const KIB = 1024;
const MIB = 1024 * KIB;
const DAY_MS = 24 * 3_600_000;

/** Bounds and defaults of the options that are numbers; all are whole. */
export const NUMBER_OPTIONS = Object.freeze({
  history: { least: 1, most: 100, fallback: 1 },
  maxMessageBytes: { least: KIB, most: 64 * MIB, fallback: 4 * MIB },
  receiverMaxBytes: { least: 64 * KIB, most: 64 * MIB, fallback: 4 * MIB },
  heartbeatIntervalMs: { least: 100, most: DAY_MS, fallback: 10_000 },
  drainTimeoutMs: { least: 100, most: DAY_MS, fallback: 10_000 },
  publishTimeoutMs: { least: 100, most: DAY_MS, fallback: 10_000 },
  keepaliveTimeMs: { least: 1_000, most: DAY_MS, fallback: 30_000 },
  keepaliveTimeoutMs: { least: 1_000, most: DAY_MS, fallback: 10_000 },
  streamBufferBytes: { least: 16 * KIB, most: 64 * MIB, fallback: 256 * KIB },
  totalStreamBytes: { least: 16 * KIB, most: 64 * 1024 * MIB, fallback: 256 * MIB },
  laneBytes: { least: 64 * KIB, most: 1024 * MIB, fallback: 16 * MIB },
  totalLaneBytes: { least: 64 * KIB, most: 64 * 1024 * MIB, fallback: 256 * MIB },
  serviceBytes: { least: 64 * KIB, most: 64 * 1024 * MIB, fallback: 64 * MIB },
  maxSubscriptionsPerConnection: { least: 1, most: 1_000_000, fallback: 1_000 },
});

export type NumberOption = keyof typeof NUMBER_OPTIONS;
