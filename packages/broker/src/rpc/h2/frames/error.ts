/**
 * What a peer did wrong (RFC 9113 §5.4). With `streamId` 0 the whole connection is over: GOAWAY with `code`, then close; else
 * that stream alone is: RST_STREAM with `code`.
 */
export class H2Error extends Error {
  readonly code: number;
  readonly streamId: number;

  constructor(code: number, reason: string, streamId = 0) {
    super(reason);
    this.name = 'H2Error';
    this.code = code;
    this.streamId = streamId;
  }
}
