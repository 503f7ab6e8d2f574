/** Where a session's bytes go: the part of an RPC stream that delivery needs. */
export interface Outlet {
  /** How many bytes may be written now; zero or less: wait for `BrokerCore.writable`. */
  writableBytes(): number;
  /** Writes one CloudEvent message. The bytes are shared by all receivers. */
  write(message: Uint8Array): void;
  /** Ends the subscription for good; the client is not meant to come back (INVALID_ARGUMENT and the like). */
  end(code: number, message: string): void;
  /** Ends the subscription and its connection, so that every Go client comes back. */
  endConnection(code: number, message: string, graceMs: number): void;
}
