/** gRPC status names by code (https://grpc.io/docs/guides/status-codes). */
const STATUS_NAMES: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

export const STATUS_OK = 0;
export const STATUS_CANCELLED = 1;
export const STATUS_UNKNOWN = 2;
export const STATUS_INTERNAL = 13;
export const STATUS_UNAVAILABLE = 14;

export function statusName(code: number): string {
  return STATUS_NAMES[code] ?? `CODE_${code}`;
}

/** What a gRPC client makes of an HTTP status without a gRPC one (gRPC's http-grpc-status-mapping). */
export function statusOfHttp(httpStatus: string): number {
  switch (httpStatus) {
    case '400':
      return STATUS_INTERNAL;
    case '401':
      return 16;
    case '403':
      return 7;
    case '404':
      return 12;
    case '429':
    case '502':
    case '503':
    case '504':
      return STATUS_UNAVAILABLE;
    default:
      return STATUS_UNKNOWN;
  }
}

/** What a gRPC client makes of an HTTP/2 error code in RST_STREAM (gRPC over HTTP/2, "Errors"). */
export function statusOfReset(errorCode: number): number {
  switch (errorCode) {
    case 0x7:
      return STATUS_UNAVAILABLE;
    case 0x8:
      return STATUS_CANCELLED;
    case 0xb:
      return 8;
    case 0xc:
      return 7;
    default:
      return STATUS_INTERNAL;
  }
}

/** The text of a `grpc-message` header: percent-encoded UTF-8; a broken encoding is shown as it came. */
export function decodeStatusMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
