import type { RpcStatus } from '../../engine.js';
import type { FieldToSend } from '../hpack/encoder.js';
import { encodeStatusText } from './status-text.js';

/** What answers begin and end with: gRPC over HTTP/2, "Responses". The fields that come with every answer are remembered by HPACK. */

const STATUS_200: FieldToSend = { name: ':status', value: '200' };
const CONTENT_TYPE: FieldToSend = { name: 'content-type', value: 'application/grpc', remember: true };
const GRPC_OK: FieldToSend = { name: 'grpc-status', value: '0', remember: true };

export const RESPONSE_HEAD: readonly FieldToSend[] = Object.freeze([STATUS_200, CONTENT_TYPE]);
export const GZIP_RESPONSE_HEAD: readonly FieldToSend[] = Object.freeze([
  STATUS_200,
  CONTENT_TYPE,
  { name: 'grpc-encoding', value: 'gzip' },
]);
export const OK_TRAILERS: readonly FieldToSend[] = Object.freeze([GRPC_OK]);

/** The last header block of an answer that has begun. */
export function statusTrailers(code: RpcStatus, message: string): readonly FieldToSend[] {
  if (code === 0) return OK_TRAILERS;
  const status = { name: 'grpc-status', value: String(code) };
  return message === '' ? [status] : [status, { name: 'grpc-message', value: encodeStatusText(message) }];
}

/** An answer that is nothing but its status: one header block. */
export function trailersOnly(code: RpcStatus, message: string): readonly FieldToSend[] {
  return [...RESPONSE_HEAD, ...statusTrailers(code, message)];
}

/** An answer to something that is no gRPC. */
export function httpHead(status: number, length: number, extra: readonly FieldToSend[]): FieldToSend[] {
  return [
    { name: ':status', value: String(status) },
    { name: 'content-type', value: 'text/plain; charset=utf-8' },
    { name: 'content-length', value: String(length) },
    ...extra,
  ];
}
