import { type FloodKind, limitOf } from './flood-guard.js';

/** Why a peer was shut out: one of the floods, or a limit of another kind. */
export type OffenceKind =
  | FloodKind
  | 'unread-output'
  | 'arriving-requests'
  | 'connections-per-address'
  | 'keepalive-pings'
  | 'headers';

/** A peer that was shut out. */
export interface Offender {
  /** `host:port` of the other side. */
  readonly address: string;
  readonly kind: OffenceKind;
  /** For the operator: what it did, and which limit that was. */
  readonly message: string;
}

const FLOODS: Readonly<Record<FloodKind, string>> = Object.freeze({
  reset: 'streams opened and reset at once',
  'provoked-reset': 'streams that had to be reset for what was sent on them',
  settings: 'SETTINGS frames',
  ping: 'PING frames',
  'window-update': 'WINDOW_UPDATE frames',
  'empty-data': 'empty DATA frames',
  priority: 'PRIORITY frames',
  'unknown-frame': 'frames of unknown types',
  continuation: 'CONTINUATION frames',
});

/** What a flood is, as an operator reads it. */
export function floodMessage(kind: FloodKind): string {
  return `too many ${FLOODS[kind]} within a short time (${limitOf(kind)})`;
}
