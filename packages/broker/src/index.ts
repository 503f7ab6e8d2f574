export type { Envelope } from './wire/envelope.js';
