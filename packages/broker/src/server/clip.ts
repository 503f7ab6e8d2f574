/** A status text travels in HTTP/2 trailers, whose size peers bound. */
export const LONGEST_STATUS = 4_096;

/** The text, cut where it is too long. */
export function clip(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 3)}...`;
}
