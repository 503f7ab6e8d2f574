import { CeBrokerError } from 'ce-broker-proto';

/** `code [field]: message`, without what differs from run to run. */
export function shown(error: unknown): string {
  if (!(error instanceof CeBrokerError)) return `no CeBrokerError: ${String(error)}`;
  const field = error.field === undefined ? '' : ` [${error.field}]`;
  return `${error.code}${field}: ${error.message}`.replaceAll(/127\.0\.0\.1:(?!8090)\d+/g, 'HOST:PORT');
}

/** What it rejects with, as `shown`. */
export async function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => shown(error),
  );
}
