/**
 * Source and agent clients for ce-broker. They are not here yet: this version holds their place, and exports the seam that they
 * will stand on.
 *
 * @packageDocumentation
 */
export type { CloudEventTransport } from 'ce-broker-proto';
