import { CeBrokerError, type CeBrokerErrorCode } from 'ce-broker-proto';
import { clip, fitsStatus } from './clip.js';

/** The fields of a Kubernetes Status (`k8s.io/apimachinery`, `metav1.Status`) that a refusal carries. */
export interface KubernetesStatus {
  /** For the reader. */
  readonly message: string;
  /** `NotFound`, `Conflict`, `Forbidden`, ... */
  readonly reason: string;
  /** The HTTP status code that belongs to the reason. */
  readonly code: number;
  /** As Kubernetes has them: `name`, `group`, `kind`, `causes`, ... */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

const CARRIED = Symbol('kubernetes status');
const LONGEST_MESSAGE = 1_000;

const STATUSES: Partial<Record<CeBrokerErrorCode, readonly [reason: string, code: number]>> = {
  invalid_argument: ['BadRequest', 400],
  unauthenticated: ['Unauthorized', 401],
  permission_denied: ['Forbidden', 403],
  not_found: ['NotFound', 404],
  already_exists: ['AlreadyExists', 409],
  aborted: ['Conflict', 409],
  failed_precondition: ['Conflict', 409],
  resource_exhausted: ['TooManyRequests', 429],
  unavailable: ['ServiceUnavailable', 503],
  deadline_exceeded: ['Timeout', 504],
};

/**
 * The error that a service throws to refuse an event with a Kubernetes Status: clients of sdk-go v1.3 hand it to their caller
 * as the API error that it is (Go: `clients/errors.ToStatusError`).
 */
export function kubernetesRefusal(status: KubernetesStatus): CeBrokerError {
  return Object.assign(new CeBrokerError('failed_precondition', status.message), { [CARRIED]: status });
}

/**
 * The text of a service's refusal: the JSON of Go's `StatusError`. An error without a Kubernetes Status of its own gets the one
 * that fits its code, so that a Go client has more in hand than `{}`.
 */
export function refusalText(thrown: unknown): string {
  const status = statusOf(thrown);
  const whole = jsonOf(status);
  if (whole !== undefined && fitsStatus(whole)) return whole;
  const { message, reason, code } = status;
  for (let most = LONGEST_MESSAGE; most > 30; most = Math.floor(most / 2)) {
    const text = jsonOf({ message: clip(message, most), reason: clip(reason, Math.min(most, 100)), code });
    if (text !== undefined && fitsStatus(text)) return text;
  }
  return '{}';
}

/** Undefined for details that JSON cannot say. */
function jsonOf(status: KubernetesStatus): string | undefined {
  try {
    return JSON.stringify({ ErrStatus: { metadata: {}, status: 'Failure', ...status } });
  } catch {
    return undefined;
  }
}

function statusOf(thrown: unknown): KubernetesStatus {
  if (typeof thrown === 'object' && thrown !== null && CARRIED in thrown)
    return thrown[CARRIED] as KubernetesStatus;
  const error = CeBrokerError.from(thrown, 'unknown');
  const [reason, code] = STATUSES[error.code] ?? ['InternalError', 500];
  return { message: clip(error.message, LONGEST_MESSAGE), reason, code };
}
