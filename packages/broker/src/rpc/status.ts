/** The gRPC status codes that an engine itself answers with (https://grpc.io/docs/guides/status-codes). */
export const STATUS_OK = 0;
export const STATUS_CANCELLED = 1;
export const STATUS_DEADLINE_EXCEEDED = 4;
export const STATUS_RESOURCE_EXHAUSTED = 8;
export const STATUS_UNIMPLEMENTED = 12;
export const STATUS_INTERNAL = 13;
export const STATUS_UNAVAILABLE = 14;

/**
 * A status text that every gRPC library can percent-encode: a lone surrogate would make `encodeURI` throw, so it becomes
 * the replacement character here.
 */
export function statusText(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}
