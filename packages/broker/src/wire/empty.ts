/** The encoding of google.protobuf.Empty: no bytes at all. */
export const EMPTY = new Uint8Array(0);
