const UNIT_NS: Readonly<Record<string, number>> = Object.freeze({
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3_600e9,
});

const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy;

/** Milliseconds of a duration as Go writes it (`time.ParseDuration`): `20s`, `1m30s`, `1.5h`, `-2ms`, `0`. Undefined for what is none. */
export function parseGoDuration(text: string): number | undefined {
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === '0') return 0;
  let ns = 0;
  let read = 0;
  for (const [part, count = '', unit = ''] of rest.matchAll(PART)) {
    ns += Number(count) * (UNIT_NS[unit] ?? 0);
    read += part.length;
  }
  if (read === 0 || read !== rest.length || ns > Number.MAX_SAFE_INTEGER * 1_000) return undefined;
  return (sign === '-' ? -ns : ns) / 1e6;
}
