import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Observation, OutputReader, type SeenStream } from './observation.js';

const program = fileURLToPath(new URL('nghttp2-process.mjs', import.meta.url));

/** What comes back over the channel, on which a Buffer becomes a Uint8Array. */
interface Reply {
  readonly streams: ReadonlyMap<number, Omit<SeenStream, 'data'> & { readonly data: Uint8Array }>;
  readonly output: Uint8Array;
  readonly closed: boolean;
}

/** Node's http2, which is nghttp2. */
export class Nghttp2Side {
  /** How often Node has aborted under what it was sent. */
  aborts = 0;
  #child: ChildProcess | undefined;

  async observe(bytes: Buffer): Promise<Observation> {
    for (;;) {
      const reply = await this.#ask(bytes);
      if (reply !== undefined) return observationOf(reply);
      // It may have been something earlier that it aborted of.
      this.aborts += 1;
      if (this.aborts > 20) throw new Error('Node aborts again and again');
    }
  }

  close(): void {
    this.#child?.kill();
  }

  /** Undefined: the process is gone. */
  #ask(bytes: Buffer): Promise<Reply | undefined> {
    this.#child ??= fork(program, {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: [],
    });
    const child = this.#child;
    return new Promise((resolve) => {
      const gone = (): void => {
        this.#child = undefined;
        child.off('message', answered);
        resolve(undefined);
      };
      const answered = (reply: unknown): void => {
        child.off('exit', gone);
        resolve(reply as Reply);
      };
      child.once('exit', gone);
      child.once('message', answered);
      child.send(bytes);
    });
  }
}

function observationOf({ streams, output, closed }: Reply): Observation {
  const reader = new OutputReader();
  reader.push(Buffer.from(output));
  const { goAway, goAwayText, resets, answered } = reader;
  const seen = [...streams].map(
    ([streamId, stream]) => [streamId, { ...stream, data: Buffer.from(stream.data) }] as const,
  );
  return { streams: new Map(seen), goAway, goAwayText, resets, answered, closed, told: [], malformed: [] };
}
