/**
 * A header block that cannot be decoded (RFC 7541). The dynamic table no longer agrees with the peer's, so the connection is over:
 * COMPRESSION_ERROR (RFC 9113 §4.3).
 */
export class HpackError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'HpackError';
  }
}
