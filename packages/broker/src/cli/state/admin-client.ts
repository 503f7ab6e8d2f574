import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { createInterface } from 'node:readline';
import { CeBrokerError, type CeBrokerErrorCode, ceBrokerErrorCodes } from 'ce-broker-proto';
import { type CredentialFlags, readCredentials } from '../client/connection-options.js';
import { wrongValue } from '../values.js';

export interface AdminFlags extends CredentialFlags {
  readonly admin: string;
}

export type Query = Readonly<Record<string, string | undefined>>;

const SILENCE_MS = 15_000;

/** Reads from the admin port of a broker over HTTP, and changes what it holds. */
export class AdminClient {
  private readonly base: URL;
  private readonly flags: AdminFlags;

  /** Throws `invalid_option` when `--admin` is no address. */
  constructor(flags: AdminFlags) {
    this.flags = flags;
    this.base = baseUrl(flags.admin);
  }

  /** The rows of a list, one by one as they come. */
  async *lines(path: string, query: Query): AsyncGenerator<string> {
    const response = await this.get(path, query);
    for await (const line of createInterface({ input: response })) {
      if (line !== '') yield line;
    }
    // A list that was cut would look like a short one.
    if (!response.complete)
      throw new CeBrokerError(
        'unavailable',
        `${this.base.origin} closed the connection in the middle of its answer`,
      );
  }

  /** What is no text, piece by piece as it comes. */
  async *bytes(path: string): AsyncGenerator<Uint8Array> {
    const response = await this.get(path, {});
    const brokenOff = (cause?: unknown): CeBrokerError =>
      new CeBrokerError(
        'unavailable',
        `${this.base.origin} broke off its answer in the middle: it was closed, or it could not go on, which its log tells`,
        { cause },
      );
    try {
      for await (const piece of response as AsyncIterable<Buffer>) yield piece;
    } catch (cause) {
      throw brokenOff(cause);
    }
    if (!response.complete) throw brokenOff();
  }

  async json(path: string, query: Query): Promise<unknown> {
    return JSON.parse(await textOf(await this.get(path, query)));
  }

  /** Changes something; gives what the broker answers. */
  async change(path: string, body: object): Promise<unknown> {
    const url = new URL(path, this.base);
    const response = await this.open(url, JSON.stringify(body));
    const text = await textOf(response);
    if (response.statusCode === 200) return JSON.parse(text);
    throw refusal(text, response.statusCode ?? 0, url);
  }

  private async get(path: string, query: Query): Promise<IncomingMessage> {
    const url = new URL(path, this.base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    const response = await this.open(url);
    if (response.statusCode === 200) return response;
    throw refusal(await textOf(response), response.statusCode ?? 0, url);
  }

  /** @param body JSON to post; undefined: get */
  private open(url: URL, body?: string): Promise<IncomingMessage> {
    const encrypted = url.protocol === 'https:';
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const { tls, token } = readCredentials(this.flags, host, encrypted);
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    };
    const method = body === undefined ? 'GET' : 'POST';
    const send = encrypted ? httpsRequest : httpRequest;
    const wrongPort = (reason: string, cause?: unknown): CeBrokerError =>
      new CeBrokerError(
        'unavailable',
        `cannot read ${url.origin}: ${reason}; --admin must name the admin port of a broker, which its ready line shows`,
        { cause },
      );
    return new Promise((resolve, reject) => {
      const call = send(url, { ...tls, method, headers, agent: false }, (response) => {
        // What a port of gRPC says to HTTP/1.
        if (response.statusCode === 505) {
          response.resume();
          reject(wrongPort('it does not speak HTTP/1.1'));
        } else resolve(response);
      });
      call.setTimeout(SILENCE_MS, () => {
        call.destroy(new Error(`no answer within ${SILENCE_MS / 1000} s`));
      });
      call.on('error', (cause) => {
        const reason =
          cause.message === '' ? String('code' in cause ? cause.code : cause.name) : cause.message;
        reject(wrongPort(reason, cause));
      });
      call.end(body);
    });
  }
}

function baseUrl(admin: string): URL {
  try {
    const url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(admin) ? admin : `http://${admin}`);
    if (/^https?:$/.test(url.protocol) && url.hostname !== '') return url;
  } catch {
    // Told below.
  }
  throw wrongValue('--admin', admin, 'a URL such as http://127.0.0.1:8080, or HOST:PORT');
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return text;
}

/** The broker's own error, where the answer is one. */
function refusal(body: string, status: number, url: URL): CeBrokerError {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && 'error' in parsed) {
      const { code, message } = parsed.error as { code: CeBrokerErrorCode; message: string };
      if (ceBrokerErrorCodes.includes(code)) return new CeBrokerError(code, message);
    }
  } catch {
    // Something else answered: told below.
  }
  return new CeBrokerError(
    'unknown',
    `${url.origin} answered ${url.pathname} with HTTP ${status}: this is not the admin port of a broker`,
  );
}
