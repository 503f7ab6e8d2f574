import type { RpcStatus } from '../../engine.js';
import { STATUS_INTERNAL, STATUS_RESOURCE_EXHAUSTED, STATUS_UNIMPLEMENTED } from '../../status.js';
import type { FieldToSend } from '../hpack/encoder.js';
import type { HeaderBlock } from '../hpack/header-block.js';
import { decodeBinary, isBinary } from './binary-metadata.js';
import { fieldFault, isPseudo, isToken, shown, valueFault } from './field-rules.js';
import { encodeStatusText } from './status-text.js';
import { parseTimeout } from './timeout.js';

/**
 * What the header block of a request means: RFC 9113 §8.1 to §8.3 first, then gRPC over HTTP/2 ("Requests"). Where gRPC leaves a choice,
 * it is grpc-go's.
 */
export type RequestHead =
  | {
      readonly kind: 'call';
      readonly path: string;
      readonly block: HeaderBlock;
      /** Undefined: the client set none. */
      readonly timeoutMs: number | undefined;
      /** How its compressed messages are compressed. */
      readonly encoding: Encoding;
      readonly acceptsGzip: boolean;
      readonly contentLength: number | undefined;
    }
  | {
      readonly kind: 'refused';
      /** 200: a gRPC error that is nothing but its trailers. Else an HTTP answer with `message` as its text. */
      readonly httpStatus: number;
      readonly grpcStatus: RpcStatus;
      readonly message: string;
      /** Fields to add; of an HTTP answer the status for gRPC clients is among them. */
      readonly extra: readonly FieldToSend[];
      readonly contentLength: number | undefined;
    }
  | {
      readonly kind: 'malformed';
      /** For a stream error PROTOCOL_ERROR (RFC 9113 §8.1.1). */
      readonly reason: string;
    };

export type Encoding = 'identity' | 'gzip' | 'deflate';

const STATUS_INVALID_ARGUMENT = 3;
const ACCEPTED_ENCODINGS = 'identity,gzip,deflate';
const CONTENT_TYPE = 'application/grpc';
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/;
const DIGITS = /^[0-9]{1,15}$/;

/** The names that mean something here: good ones, which need no look at their letters. Most requests have no others. */
const KNOWN: ReadonlySet<string> = new Set([
  ...['content-type', 'content-length', 'host', 'te', 'user-agent', 'authorization'],
  ...['grpc-timeout', 'grpc-encoding', 'grpc-accept-encoding'],
]);

/** What the block means; made once for each block, and kept in its `meaning`. */
export function requestHead(block: HeaderBlock): RequestHead {
  const known = block.meaning;
  if (known instanceof Meaning) return known.head;
  const head = new Reading(block).head();
  block.meaning = new Meaning(head);
  return head;
}

/** What is wrong with the trailers of a request (RFC 9113 §8.1), or undefined. */
export function checkTrailers(block: HeaderBlock): string | undefined {
  const { names, values } = block;
  for (let at = 0; at < names.length; at++) {
    const name = names[at] ?? '';
    if (isPseudo(name)) return `pseudo-header ${shown(name)} among the trailers`;
    const fault = fieldFault(name, values[at] ?? '');
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** Marks in `HeaderBlock.meaning` what is ours: the block of some trailers may be the same bytes. */
class Meaning {
  readonly head: RequestHead;

  constructor(head: RequestHead) {
    this.head = head;
  }
}

/** One pass over a block. */
class Reading {
  readonly #block: HeaderBlock;
  #method: string | undefined = undefined;
  #scheme: string | undefined = undefined;
  #path: string | undefined = undefined;
  #authority: string | undefined = undefined;
  #host: string | undefined = undefined;
  #contentType: string | undefined = undefined;
  #contentLength: number | undefined = undefined;
  #encoding: string | undefined = undefined;
  #timeoutMs: number | undefined = undefined;
  #acceptsGzip = false;
  /** What gRPC takes offence at, the first of it. */
  #offence: string | undefined = undefined;

  constructor(block: HeaderBlock) {
    this.#block = block;
  }

  head(): RequestHead {
    const reason = this.#fields() ?? (this.#block.overLimit ? undefined : this.#pseudoHeaders());
    return reason === undefined ? this.#grpc() : { kind: 'malformed', reason };
  }

  #fields(): string | undefined {
    const { names, values } = this.#block;
    let regular = false;
    for (let at = 0; at < names.length; at++) {
      const name = names[at] ?? '';
      const value = values[at] ?? '';
      let fault: string | undefined;
      if (isPseudo(name)) {
        fault = regular ? `pseudo-header ${shown(name)} after a header` : this.#pseudo(name, value);
      } else {
        regular = true;
        fault = KNOWN.has(name) ? this.#known(name, value) : this.#other(name, value);
      }
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  #pseudo(name: string, value: string): string | undefined {
    let earlier: string | undefined;
    switch (name) {
      case ':method':
        earlier = this.#method;
        this.#method = value;
        break;
      case ':scheme':
        earlier = this.#scheme;
        this.#scheme = value;
        break;
      case ':path':
        earlier = this.#path;
        this.#path = value;
        break;
      case ':authority':
        earlier = this.#authority;
        this.#authority = value;
        break;
      default:
        return `there is no pseudo-header ${shown(name)} of requests`;
    }
    if (earlier !== undefined) return `pseudo-header ${name} twice`;
    if (value === 'POST' || value === 'http' || value === 'https') return undefined;
    const fault = valueFault(value);
    return fault === undefined ? undefined : `pseudo-header ${name} ${fault}`;
  }

  #known(name: string, value: string): string | undefined {
    switch (name) {
      case 'te':
        return value === 'trailers' ? undefined : fieldFault(name, value);
      case 'content-type':
        this.#contentType ??= value;
        if (value === CONTENT_TYPE) return undefined;
        break;
      case 'grpc-timeout':
        this.#timeoutMs = parseTimeout(value);
        if (this.#timeoutMs !== undefined) return undefined;
        this.#offence ??= `grpc-timeout is ${shown(value)}: it must be up to eight digits and a unit, one of H M S m u n`;
        break;
      case 'grpc-encoding':
        this.#encoding = value;
        break;
      case 'grpc-accept-encoding':
        this.#acceptsGzip ||= value.split(',').some((one) => one.trim() === 'gzip');
        break;
      case 'content-length':
        return this.#length(value);
      case 'host':
        if (this.#host !== undefined) return 'header host twice';
        this.#host = value;
        break;
    }
    const fault = valueFault(value);
    return fault === undefined ? undefined : `header ${name} ${fault}`;
  }

  #length(value: string): string | undefined {
    if (!DIGITS.test(value)) return `content-length is ${shown(value)}, no number`;
    const length = Number(value);
    if (this.#contentLength !== undefined && this.#contentLength !== length)
      return `content-length is ${this.#contentLength} and ${length}`;
    this.#contentLength = length;
    return undefined;
  }

  #other(name: string, value: string): string | undefined {
    const fault = fieldFault(name, value);
    if (fault === undefined && isBinary(name) && decodeBinary(value) === undefined)
      this.#offence ??= `header ${name} is no base64`;
    return fault;
  }

  /** RFC 9113 §8.3.1, and §8.5 for CONNECT. */
  #pseudoHeaders(): string | undefined {
    const method = this.#method;
    if (method === undefined) return 'pseudo-header :method is missing';
    // A method is a token too, of either case.
    if (method !== 'POST' && !isToken(method.toLowerCase()))
      return `pseudo-header :method is ${shown(method)}`;
    if (method === 'CONNECT') {
      if (this.#scheme !== undefined || this.#path !== undefined)
        return 'CONNECT has no pseudo-header :scheme or :path';
      return this.#authority ? undefined : 'CONNECT without pseudo-header :authority';
    }
    if (this.#scheme === undefined) return 'pseudo-header :scheme is missing';
    if (this.#scheme !== 'http' && !SCHEME.test(this.#scheme))
      return `pseudo-header :scheme is ${shown(this.#scheme)}`;
    if (this.#path === undefined) return 'pseudo-header :path is missing';
    const wellFormed = this.#path.startsWith('/') || (this.#path === '*' && method === 'OPTIONS');
    return wellFormed ? undefined : `pseudo-header :path is ${shown(this.#path)}`;
  }

  #grpc(): RequestHead {
    const block = this.#block;
    if (block.overLimit) {
      return this.#refused(
        200,
        STATUS_RESOURCE_EXHAUSTED,
        'the request has more headers than are taken (maxHeaderListBytes, maxHeaderFields)',
      );
    }
    if (this.#method !== 'POST') {
      const allow = { name: 'allow', value: 'POST' };
      const message = `the method is ${shown(this.#method ?? '')}: gRPC calls are POST`;
      return this.#refused(405, STATUS_INTERNAL, message, [allow]);
    }
    if (!isGrpc(this.#contentType)) {
      const found = this.#contentType === undefined ? 'missing' : shown(this.#contentType);
      const message = `the content-type is ${found}: gRPC calls have ${CONTENT_TYPE}`;
      return this.#refused(415, STATUS_INVALID_ARGUMENT, message);
    }
    if (this.#offence !== undefined) return this.#refused(400, STATUS_INTERNAL, this.#offence);
    const encoding = this.#encoding ?? 'identity';
    if (encoding !== 'identity' && encoding !== 'gzip' && encoding !== 'deflate') {
      const accepted = { name: 'grpc-accept-encoding', value: ACCEPTED_ENCODINGS };
      const message = `grpc-encoding is ${shown(encoding)}: ${ACCEPTED_ENCODINGS} are known`;
      return this.#refused(200, STATUS_UNIMPLEMENTED, message, [accepted]);
    }
    return {
      kind: 'call',
      path: this.#path ?? '',
      block,
      timeoutMs: this.#timeoutMs,
      encoding,
      acceptsGzip: this.#acceptsGzip,
      contentLength: this.#contentLength,
    };
  }

  /** An HTTP answer carries the status in its fields too: a gRPC client reads it from there. */
  #refused(
    httpStatus: number,
    grpcStatus: RpcStatus,
    message: string,
    more: readonly FieldToSend[] = [],
  ): RequestHead {
    const contentLength = this.#contentLength;
    const status: readonly FieldToSend[] = [
      { name: 'grpc-status', value: String(grpcStatus) },
      { name: 'grpc-message', value: encodeStatusText(message) },
    ];
    const extra = httpStatus === 200 ? more : [...more, ...status];
    return { kind: 'refused', httpStatus, grpcStatus, message, extra, contentLength };
  }
}

/** `application/grpc`, alone or with a subtype behind `+` or parameters behind `;`, in either case. */
function isGrpc(contentType: string | undefined): boolean {
  if (contentType === undefined) return false;
  if (contentType === CONTENT_TYPE) return true;
  const next = contentType.charAt(CONTENT_TYPE.length);
  const bounded = next === '' || next === '+' || next === ';';
  return bounded && contentType.slice(0, CONTENT_TYPE.length).toLowerCase() === CONTENT_TYPE;
}
