import { setMaxListeners } from 'node:events';
import { CeBrokerError } from './errors.js';

/** `setTimeout` takes no more, and ends at once when given more; so long is no limit. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** How something that was started ends. */
export interface Settle<T> {
  resolve(value: T): void;
  reject(error: CeBrokerError): void;
}

/** For how long a caller waits. */
export interface Limits {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Starts something and waits for it, for as long as the caller does; `begin` gives back how to give it up. */
export function limited<T = void>(
  limits: Limits,
  what: string,
  begin: (settle: Settle<T>) => () => void,
): Promise<T> {
  const { signal, timeoutMs } = limits;
  return new Promise<T>((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(CeBrokerError.from(signal.reason, 'cancelled'));
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    let giveUp: () => void = () => undefined;
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
    };
    const stop = (error: CeBrokerError): void => {
      done();
      reject(error);
      giveUp();
    };
    const aborted = (): void => stop(CeBrokerError.from(signal?.reason, 'cancelled'));
    if (signal !== undefined) {
      // One signal may end any number of waits; Node would take that for a leak.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', aborted, { once: true });
    }
    if (timeoutMs !== undefined && timeoutMs <= LONGEST_TIMER_MS) {
      const error = new CeBrokerError('deadline_exceeded', `${what} within ${timeoutMs} ms`);
      timer = setTimeout(() => stop(error), timeoutMs);
    }
    try {
      giveUp = begin({
        resolve: (value) => {
          done();
          resolve(value);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
    } catch (thrown) {
      done();
      reject(CeBrokerError.from(thrown));
    }
  });
}
