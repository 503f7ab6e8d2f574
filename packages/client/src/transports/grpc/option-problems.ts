import { type GrpcOptions, optionNames } from './grpc-options.js';

/** The longest that timers take, 24 days. */
const MAX_NUMBER = 2_147_483_647;

/** What is wrong with one option. */
export interface OptionProblem {
  readonly field: string;
  readonly message: string;
}

/** What is wrong in the options, or does not fit together; all of it, and nothing is read for it. */
export function optionProblems(options: GrpcOptions): readonly OptionProblem[] {
  const names = optionNames(options);
  const problems = wrongNumbers(options);
  const twice = (file: keyof GrpcOptions, data: keyof GrpcOptions): boolean => {
    const both = isGiven(options[file]) && isGiven(options[data]);
    if (both)
      problems.push({ field: data, message: `${data} and ${file} are both given: which one is meant?` });
    return isGiven(options[file]) || isGiven(options[data]);
  };
  const ca = twice('caFile', 'caData');
  const cert = twice('clientCertFile', 'clientCertData');
  const key = twice('clientKeyFile', 'clientKeyData');
  const token = twice('tokenFile', 'token');
  const needs = (field: string, missing: string, why: string) =>
    problems.push({ field, message: `${field} needs ${missing} beside it${why}` });
  if (cert && !key) needs(names.clientCert, names.clientKey, '');
  if (key && !cert) needs(names.clientKey, names.clientCert, '');
  if (cert && key && !ca) needs(names.clientCert, names.ca, ', the CA of the server');
  if (token && !ca && options.plainTextToken !== true) {
    needs(names.token, names.ca, ': without TLS the token would cross the network in plain text');
  }
  return problems;
}

/** Neither absent nor empty. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== '';
}

function wrongNumbers(options: GrpcOptions): OptionProblem[] {
  const { keepAliveConfig = {} } = options;
  const checks: [field: string, value: number | undefined, least: number][] = [
    ['connectTimeoutMs', options.connectTimeoutMs, 1],
    ['maxReceiveBytes', options.maxReceiveBytes, 1],
    ['watchIntervalMs', options.watchIntervalMs, 0],
    ['serverHealthinessTimeoutMs', options.serverHealthinessTimeoutMs, 1],
    ['keepAliveConfig.timeMs', keepAliveConfig.timeMs, 1],
    ['keepAliveConfig.timeoutMs', keepAliveConfig.timeoutMs, 1],
  ];
  return checks
    .filter(([, value, least]) => value !== undefined && !(value >= least && value <= MAX_NUMBER))
    .map(([field, value, least]) => ({
      field,
      message: `${field} must be a number from ${least} to ${MAX_NUMBER}, not ${String(value)}`,
    }));
}
