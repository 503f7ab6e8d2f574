import { stat } from 'node:fs/promises';
import { CeBrokerError, type Logger, SILENT } from 'ce-broker-proto';
import { type Credentials, readCredentials, type TlsCredentials } from './credentials.js';
import type { GrpcOptions } from './grpc-options.js';

const WATCH_INTERVAL_MS = 10_000;

/** What is told when files have new content, valid as a whole. */
export interface CredentialListener {
  /** Another token: it can go out with the next call. */
  token(token: string | undefined): void;
  /** Another CA, certificate or key: they need another connection. */
  tls(why: CeBrokerError): void;
}

/**
 * Reads the credentials of one client anew for each connection, and watches their files by looking at them from time to time: that
 * sees a replaced symbolic link (Kubernetes) as well as a rewritten file. Files that are missing, half-written or do not fit together
 * are not taken: what was good last stays in use, and one warning says so.
 */
export class CredentialSource {
  readonly #options: GrpcOptions;
  readonly #files: readonly string[];
  readonly #logger: Logger;
  #good: Credentials | undefined;
  #warned = '';

  constructor(options: GrpcOptions) {
    this.#options = options;
    this.#logger = options.logger ?? SILENT;
    const { caFile, clientCertFile, clientKeyFile, tokenFile } = options;
    this.#files = [caFile, clientCertFile, clientKeyFile, tokenFile].filter((file) => file !== undefined);
  }

  /** The credentials as the files hold them now, or as they were good last. Rejects when they never were. */
  async load(): Promise<Credentials> {
    try {
      const read = await readCredentials(this.#options);
      this.#good = read;
      this.#warned = '';
      return read;
    } catch (thrown) {
      if (this.#good === undefined) throw thrown;
      this.#warn(CeBrokerError.from(thrown));
      return this.#good;
    }
  }

  /** Looks for content other than `current` until stopped; after `tls` has been told it stops by itself. */
  watch(current: Credentials, listener: CredentialListener): { stop(): void } {
    const everyMs = this.#options.watchIntervalMs ?? WATCH_INTERVAL_MS;
    let stopped = everyMs === 0 || this.#files.length === 0;
    let timer: NodeJS.Timeout | undefined;
    let token = current.token;
    let seen = '';
    const look = async (): Promise<void> => {
      const now = await this.#fingerprint();
      if (now !== seen) {
        const read = await this.load();
        // What could not be used is looked at again, changed or not.
        seen = this.#warned === '' ? now : '';
        if (stopped) return;
        if (read.token !== token) {
          token = read.token;
          listener.token(token);
        }
        if (!same(read.tls, current.tls)) {
          stopped = true;
          listener.tls(new CeBrokerError('unavailable', 'the files of the TLS credentials have new content'));
        }
      }
      again();
    };
    const again = (): void => {
      if (stopped) return;
      timer = setTimeout(() => void look(), everyMs);
      timer.unref();
    };
    again();
    return {
      stop: () => {
        stopped = true;
        clearTimeout(timer);
      },
    };
  }

  async #fingerprint(): Promise<string> {
    const parts = this.#files.map(async (file) => {
      try {
        const { ino, size, mtimeMs, ctimeMs } = await stat(file);
        return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
      } catch {
        return 'absent';
      }
    });
    return (await Promise.all(parts)).join('|');
  }

  #warn(error: CeBrokerError): void {
    if (this.#warned === error.message) return;
    this.#warned = error.message;
    this.#logger.warn(
      { field: error.field },
      `${error.message}; what was read before stays in use, and the files are looked at again`,
    );
  }
}

function same(a: TlsCredentials | undefined, b: TlsCredentials | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (!a.ca.equals(b.ca)) return false;
  if (a.client === undefined || b.client === undefined) return a.client === b.client;
  return a.client.cert.equals(b.client.cert) && a.client.key.equals(b.client.key);
}
