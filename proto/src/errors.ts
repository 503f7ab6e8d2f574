/**
 * The ways in which something can fail. The first group has one numeric gRPC status code each; the second is for
 * failures that never cross the wire: options, configuration files, listeners. `docs/reference/errors.md` says what
 * each one means and what to do about it.
 */
export type CeBrokerErrorCode = GrpcErrorCode | LocalErrorCode;

/** Codes that have a gRPC status code of the same meaning. */
export type GrpcErrorCode =
  | 'cancelled'
  | 'unknown'
  | 'invalid_argument'
  | 'deadline_exceeded'
  | 'not_found'
  | 'already_exists'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'failed_precondition'
  | 'aborted'
  | 'out_of_range'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'data_loss'
  | 'unauthenticated';

/** Codes of failures on this side: an option, a configuration file, a file, a port. */
export type LocalErrorCode = 'invalid_option' | 'invalid_config' | 'unreadable_file' | 'address_in_use';

/** What a {@link CeBrokerError} can carry beside its code and message. */
export interface CeBrokerErrorOptions {
  /** The field, attribute or option that is wrong, for example `ce-resourceversion` or `heartbeatIntervalMs`. */
  readonly field?: string | undefined;
  /** What led to this error. */
  readonly cause?: unknown;
}

/**
 * The one error class of ce-broker: everything that its packages throw, reject with or report is one of these.
 * Other errors are turned into it at the edges by {@link CeBrokerError.from}.
 */
export class CeBrokerError extends Error {
  /** The kind of failure: decide by this, never by the message. */
  readonly code: CeBrokerErrorCode;
  /** The offending field, attribute or option, where there is one. */
  readonly field: string | undefined;

  constructor(code: CeBrokerErrorCode, message: string, options: CeBrokerErrorOptions = {}) {
    super(message, 'cause' in options && options.cause !== undefined ? { cause: options.cause } : undefined);
    this.name = 'CeBrokerError';
    this.code = code;
    this.field = options.field;
  }

  /** The numeric gRPC status code; a failure that has none of its own counts as UNKNOWN (2). */
  get grpcCode(): number {
    return grpcCodeOf(this.code);
  }

  /**
   * Turns anything that was thrown into a CeBrokerError. One that is one already comes back as it is; a gRPC status
   * (numeric `code`, `details`) keeps its code; an AbortError becomes `cancelled`, a TimeoutError
   * `deadline_exceeded`, EADDRINUSE `address_in_use`; all else is `fallback`.
   */
  static from(thrown: unknown, fallback: CeBrokerErrorCode = 'unknown'): CeBrokerError {
    if (thrown instanceof CeBrokerError) return thrown;
    if (typeof thrown === 'object' && thrown !== null) {
      const code = 'code' in thrown ? thrown.code : undefined;
      const name = 'name' in thrown ? thrown.name : undefined;
      const message = messageOf(thrown);
      if (typeof code === 'number' && grpcCodes[code] !== undefined) {
        return new CeBrokerError(codeFromGrpc(code), message, { cause: thrown });
      }
      if (name === 'AbortError') return new CeBrokerError('cancelled', message, { cause: thrown });
      if (name === 'TimeoutError') return new CeBrokerError('deadline_exceeded', message, { cause: thrown });
      if (code === 'EADDRINUSE') return new CeBrokerError('address_in_use', message, { cause: thrown });
      return new CeBrokerError(fallback, message, { cause: thrown });
    }
    return new CeBrokerError(fallback, String(thrown), { cause: thrown });
  }
}

/** Every code, in the order of `docs/reference/errors.md`. */
export const ceBrokerErrorCodes: readonly CeBrokerErrorCode[] = Object.freeze([
  'cancelled',
  'unknown',
  'invalid_argument',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'out_of_range',
  'unimplemented',
  'internal',
  'unavailable',
  'data_loss',
  'unauthenticated',
  'invalid_option',
  'invalid_config',
  'unreadable_file',
  'address_in_use',
]);

const grpcCodes: readonly (GrpcErrorCode | undefined)[] = Object.freeze([
  undefined, // 0 is OK
  'cancelled',
  'unknown',
  'invalid_argument',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'out_of_range',
  'unimplemented',
  'internal',
  'unavailable',
  'data_loss',
  'unauthenticated',
]);

/** The numeric gRPC status code of a code; 2 (UNKNOWN) for the codes of failures on this side. */
export function grpcCodeOf(code: CeBrokerErrorCode): number {
  const index = (grpcCodes as readonly (CeBrokerErrorCode | undefined)[]).indexOf(code);
  return index < 0 ? 2 : index;
}

/** The code of a numeric gRPC status code; `unknown` for numbers that gRPC does not define, and for 0 (OK). */
export function codeFromGrpc(grpcCode: number): GrpcErrorCode {
  return grpcCodes[grpcCode] ?? 'unknown';
}

function messageOf(thrown: object): string {
  if ('details' in thrown && typeof thrown.details === 'string' && thrown.details !== '')
    return thrown.details;
  if ('message' in thrown && typeof thrown.message === 'string') return thrown.message;
  try {
    return String(thrown);
  } catch {
    return 'an error that cannot be shown';
  }
}
