/** A status text travels percent-encoded in HTTP/2 trailers, whose size peers bound: grpcio takes 8 KiB of them. */
export const LONGEST_STATUS = 4_096;

/** The text, cut where it is too long. */
export function clip(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 3)}...`;
}

/** The text, cut so that its percent-encoded form fits into a status. */
export function clipStatus(text: string): string {
  let clipped = clip(text, LONGEST_STATUS);
  while (!fitsStatus(clipped)) clipped = clip(clipped, Math.floor(clipped.length * 0.75));
  return clipped;
}

export function fitsStatus(text: string): boolean {
  return encodedLength(text) <= LONGEST_STATUS;
}

/** Spaces and printable ASCII travel as they are, everything else as three characters for each byte of its UTF-8. */
function encodedLength(text: string): number {
  let length = 0;
  for (const byte of Buffer.from(text)) length += byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? 1 : 3;
  return length;
}
