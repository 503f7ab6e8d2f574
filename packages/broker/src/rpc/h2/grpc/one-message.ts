const PREFIX_BYTES = 5;

/** Whether a payload is one uncompressed message, prefix included, and nothing else: as most clients send most messages. */
export function isOneMessage(bytes: Buffer, start: number, end: number): boolean {
  if (end - start < PREFIX_BYTES || bytes[start] !== 0) return false;
  return bytes.readUInt32BE(start + 1) === end - start - PREFIX_BYTES;
}
