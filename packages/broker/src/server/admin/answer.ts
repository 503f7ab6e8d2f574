import type { ServerResponse } from 'node:http';
import type { CeBrokerError, CeBrokerErrorCode } from 'ce-broker-proto';
import type { AdminAnswer } from './route.js';

/** How long a list may keep the event loop, and after how many rows, or places to pause at, it looks at the clock. */
const TURN_MS = 4;
const STEPS_PER_LOOK = 16;
/** A reader that hears nothing for long gives up: an empty line tells it that the search goes on. */
const SILENCE_MS = 2_000;

const STATUSES: Partial<Record<CeBrokerErrorCode, number>> = Object.freeze({
  invalid_argument: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  already_exists: 409,
  aborted: 409,
  failed_precondition: 409,
  resource_exhausted: 429,
  unimplemented: 501,
  unavailable: 503,
  deadline_exceeded: 504,
});

export function httpStatusOf({ code, field }: CeBrokerError): number {
  if (code === 'resource_exhausted' && field === 'body') return 413;
  return STATUSES[code] ?? 500;
}

export async function write(response: ServerResponse, answer: AdminAnswer): Promise<void> {
  if ('rows' in answer) await lines(response, answer.rows);
  else if ('bytes' in answer) await pieces(response, answer.contentType, answer.bytes);
  else if ('json' in answer) json(response, 200, answer.json);
  else send(response, answer.status ?? 200, answer.contentType, answer.text);
}

export function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  json(response, status, { error: { code, message } });
}

function json(response: ServerResponse, status: number, body: object): void {
  send(response, status, 'application/json', `${JSON.stringify(body)}\n`);
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' });
  response.end(body);
}

/** As it comes, no faster than the reader takes it. What fails before the first piece is an error as any other; after it the answer is cut. */
async function pieces(
  response: ServerResponse,
  contentType: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  for await (const piece of bytes) {
    if (!response.headersSent)
      response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' });
    if (response.destroyed) return;
    if (!response.write(piece)) await drained(response);
  }
  response.end();
}

/** One JSON line per row, some at a time, no faster than the reader takes them. */
async function lines(response: ServerResponse, rows: Iterable<object | undefined>): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  let batch = '';
  let steps = 0;
  let began = performance.now();
  let written = began;
  for (const row of rows) {
    if (row !== undefined) batch += `${JSON.stringify(row)}\n`;
    steps += 1;
    if (steps % STEPS_PER_LOOK !== 0) continue;
    const now = performance.now();
    if (now - began < TURN_MS) continue;
    if (batch === '' && now - written > SILENCE_MS) batch = '\n';
    const taken = batch === '' || response.write(batch);
    if (batch !== '') written = now;
    batch = '';
    if (response.destroyed) return;
    if (!taken) await drained(response);
    // A fast reader drains at once, within the same turn: others have theirs all the same.
    await new Promise((resolve) => setImmediate(resolve));
    began = performance.now();
  }
  response.end(batch);
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      response.off('drain', go);
      response.off('close', go);
      resolve();
    };
    response.on('drain', go);
    response.on('close', go);
  });
}
