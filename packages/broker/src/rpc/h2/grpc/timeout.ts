const LONGEST_MS = 2 ** 31 - 1;
const MOST_DIGITS = 8;
const ZERO = 0x30;

/**
 * `grpc-timeout` (gRPC over HTTP/2, "Timeout"): up to eight digits and a unit, `H M S m u n`. In ms, rounded up, so that only a timeout
 * of 0 is over at once, and at most 2^31-1, the longest that a timer can take. Undefined: malformed.
 */
export function parseTimeout(text: string): number | undefined {
  const digits = text.length - 1;
  if (digits < 1 || digits > MOST_DIGITS) return undefined;
  let amount = 0;
  for (let at = 0; at < digits; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    amount = amount * 10 + digit;
  }
  switch (text.charAt(digits)) {
    case 'H':
      return Math.min(amount * 3_600_000, LONGEST_MS);
    case 'M':
      return Math.min(amount * 60_000, LONGEST_MS);
    case 'S':
      return Math.min(amount * 1_000, LONGEST_MS);
    case 'm':
      return amount;
    case 'u':
      return Math.ceil(amount / 1_000);
    case 'n':
      return Math.ceil(amount / 1_000_000);
    default:
      return undefined;
  }
}
