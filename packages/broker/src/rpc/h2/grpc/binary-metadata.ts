const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Whether a header of this name carries bytes (gRPC over HTTP/2, "Custom-Metadata"). */
export function isBinary(name: string): boolean {
  return name.endsWith('-bin');
}

/**
 * The values of a `-bin` header: base64 with or without padding, and several values joined by commas as HTTP may join them. Undefined:
 * one of them is no base64.
 */
export function decodeBinary(text: string): Buffer[] | undefined {
  const values: Buffer[] = [];
  for (const part of text.split(',')) {
    const value = decodeOne(part.trim());
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}

function decodeOne(text: string): Buffer | undefined {
  if (!BASE64.test(text)) return undefined;
  const padded = text.endsWith('=');
  if (padded ? text.length % 4 !== 0 : text.length % 4 === 1) return undefined;
  return Buffer.from(text, 'base64');
}

/** One value, without padding, as gRPC asks of those who send. */
export function encodeBinary(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  const padding = text.indexOf('=');
  return padding < 0 ? text : text.slice(0, padding);
}
