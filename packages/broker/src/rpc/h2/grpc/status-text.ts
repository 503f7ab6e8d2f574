const SPACE = 0x20;
const TILDE = 0x7e;
const PERCENT = 0x25;
const HEX = '0123456789ABCDEF';

/**
 * `grpc-message` (gRPC over HTTP/2, "Status-Message"): UTF-8, in which everything but visible ASCII and the space becomes `%XX`, and the
 * percent sign too. A lone surrogate becomes the replacement character. A space at either end is encoded as well, because a
 * header value has none there (RFC 9113 §8.2.1).
 */
export function encodeStatusText(text: string): string {
  return isPlain(text) ? text : encode(Buffer.from(text, 'utf8'));
}

function isPlain(text: string): boolean {
  const last = text.length - 1;
  if (last < 0) return true;
  if (text.charCodeAt(0) === SPACE || text.charCodeAt(last) === SPACE) return false;
  for (let at = 0; at <= last; at++) {
    const code = text.charCodeAt(at);
    if (code < SPACE || code > TILDE || code === PERCENT) return false;
  }
  return true;
}

function encode(bytes: Uint8Array): string {
  let encoded = '';
  const last = bytes.length - 1;
  for (const [at, byte] of bytes.entries()) {
    const atAnEnd = at === 0 || at === last;
    if (byte < SPACE || byte > TILDE || byte === PERCENT || (byte === SPACE && atAnEnd)) {
      encoded += `%${HEX.charAt(byte >> 4)}${HEX.charAt(byte & 15)}`;
    } else {
      encoded += String.fromCharCode(byte);
    }
  }
  return encoded;
}
