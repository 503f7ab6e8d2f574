import { readFileSync } from 'node:fs';
import { decodeEvent, decodePublishRequest, type Event } from 'ce-broker-proto';

/** A line of the golden vectors that holds an event which the Go SDK wrote. */
export interface WrittenVector {
  readonly name: string;
  readonly sdk: readonly string[];
  readonly category: string;
  readonly kind: string;
  readonly hex?: string;
}

/** A line that pins a status hash. */
export interface HashVector {
  readonly name: string;
  readonly sdk: readonly string[];
  readonly kind: string;
  readonly input: unknown;
  readonly result: string;
}

export function readVectors<V extends { readonly name: string }>(file: string): V[] {
  const url = new URL(`../../../e2e/vectors/${file}`, import.meta.url);
  const lines = readFileSync(url, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as V);
}

/** The event that Go wrote. */
export function eventOf({ hex, kind }: WrittenVector): Event {
  const bytes = Buffer.from(hex ?? '', 'hex');
  return decodeEvent(kind === 'PublishRequest' ? decodePublishRequest(bytes) : bytes);
}

export function vectorNamed(name: string): Event {
  const vector = readVectors<WrittenVector>('write.jsonl').find((line) => line.name === name);
  if (vector === undefined) throw new Error(`there is no vector ${name}`);
  return eventOf(vector);
}
