import type { SessionDescription } from './session.js';

/** Hears what was handed to whom. Called for every event that is delivered: it keeps numbers, and throws nothing. */
export interface DeliveryTrace {
  /** @param position of the event that was written to the session's connection */
  delivered(position: number, session: SessionDescription, now: number): void;
}
