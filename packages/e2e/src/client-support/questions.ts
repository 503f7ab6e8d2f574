import { createEvent, type Event, Extension } from 'ce-broker-proto';
import { PARTS, typeOf } from './part.js';

/** What may differ from one question to the next. */
export interface QuestionParts {
  readonly id?: string;
  /** Of a question about specs it is the agent, of one about statuses the source. */
  readonly source?: string;
  /** `null`: none. */
  readonly cluster?: string | null;
  readonly dataType?: typeof PARTS;
  readonly originalSource?: string;
}

/** What an agent asks the source that listens. */
export function specQuestion(body: Uint8Array | undefined, parts: QuestionParts = {}): Event {
  return question('spec', body, { source: 'c1-agent', ...parts });
}

/** What the source `hub` asks the agent that listens. */
export function statusQuestion(body: Uint8Array | undefined, parts: QuestionParts = {}): Event {
  return question('status', body, { source: 'hub', ...parts });
}

function question(
  subResource: 'spec' | 'status',
  body: Uint8Array | undefined,
  { cluster = 'c1', dataType = PARTS, id = 'question', originalSource, source = '' }: QuestionParts,
): Event {
  const text = (name: string, value: string) => [name, { kind: 'string', value }] as const;
  return createEvent({
    id,
    source,
    type: String(typeOf(subResource, 'resync_request', dataType)),
    extensions: [
      ...(cluster === null ? [] : [text(Extension.clusterName, cluster)]),
      ...(originalSource === undefined ? [] : [text(Extension.originalSource, originalSource)]),
    ],
    ...(body !== undefined && {
      dataContentType: 'application/json',
      data: { kind: 'binary', value: body },
    }),
  });
}
