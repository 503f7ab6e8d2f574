import { CeBrokerError } from 'ce-broker-proto';

/** Throws `invalid_option` unless `server` looks like a server of grpc-js: it may come from another copy of that package. */
export function requireGrpcServer(server: unknown): void {
  if (hasMethods(server, ['register', 'unregister'])) return;
  throw invalid('server', 'attach: server must be a Server of @grpc/grpc-js');
}

/** Throws `invalid_option` unless `service` can list and handle. */
export function requireService(service: unknown): void {
  if (hasMethods(service, ['list', 'handle'])) return;
  throw invalid('service', 'registerService: service must have the methods list and handle');
}

/** Throws `invalid_option` unless the two name somebody. */
export function requireUser(user: unknown, groups: unknown): void {
  if (typeof user !== 'string' || user === '')
    throw invalid('user', 'inProcessTransport: user must be a text that is not empty');
  if (!Array.isArray(groups) || !groups.every((group) => typeof group === 'string' && group !== ''))
    throw invalid('groups', 'inProcessTransport: groups must be a list of names');
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => typeof Reflect.get(value, name) === 'function')
  );
}

function invalid(field: string, message: string): CeBrokerError {
  return new CeBrokerError('invalid_option', message, { field });
}
