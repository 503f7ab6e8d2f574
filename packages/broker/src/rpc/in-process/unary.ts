import type { RpcPeer, RpcStatus, UnaryCall, UnaryMethod } from '../engine.js';
import { STATUS_CANCELLED, STATUS_INTERNAL, STATUS_OK } from '../status.js';
import type { Headers, InProcessContext } from './context.js';
import type { Task } from './turn-queue.js';

/** How a unary call came out: status 0 with the reply, or a status and its text. Called once, never from inside the call. */
export type UnaryDone = (code: RpcStatus, message: string, reply: Uint8Array | undefined) => void;

export interface InProcessCall {
  /** Gives up: `done` gets CANCELLED, and an answer that follows is dropped. The call may have had its effect. */
  cancel(): void;
}

/** One call as both sides see it: runs once to reach the method, and once to reach the caller. */
export class InProcessUnary implements UnaryCall, InProcessCall, Task {
  readonly peer: RpcPeer;
  private readonly context: InProcessContext;
  private readonly headers: Headers;
  private readonly finished: (call: InProcessUnary) => unknown;
  private readonly done: UnaryDone;
  private readonly method: UnaryMethod;
  private readonly request: Uint8Array;
  /** `queued` and `answered`: it will run at the end of a turn. */
  private phase: 'queued' | 'handling' | 'answered' | 'done' = 'queued';
  private cancelled = false;
  private code: RpcStatus = STATUS_OK;
  private text = 'OK';
  private answer: Uint8Array | undefined = undefined;

  constructor(
    context: InProcessContext,
    peer: RpcPeer,
    method: UnaryMethod,
    request: Uint8Array,
    headers: Headers,
    done: UnaryDone,
    finished: (call: InProcessUnary) => unknown,
  ) {
    this.context = context;
    this.peer = peer;
    this.method = method;
    this.request = request;
    this.headers = headers;
    this.done = done;
    this.finished = finished;
    context.turn.add(this);
  }

  header(name: string): string | undefined {
    return this.headers[name];
  }

  reply(message: Uint8Array): void {
    this.settle(STATUS_OK, 'OK', message);
  }

  fail(code: RpcStatus, message: string): void {
    this.settle(code, message, undefined);
  }

  cancel(): void {
    this.cancelWith(STATUS_CANCELLED, 'cancelled by the caller');
  }

  /** The caller, or its connection, gives up. */
  cancelWith(code: RpcStatus, message: string): void {
    if (this.phase === 'queued') {
      // The method need not hear of it; the run that is due tells the caller.
      this.cancelled = true;
      this.code = code;
      this.text = message;
    } else {
      this.settle(code, message, undefined);
    }
  }

  run(): void {
    if (this.phase === 'answered' || this.cancelled) {
      this.phase = 'done';
      this.finished(this);
      try {
        this.done(this.code, this.text, this.answer);
      } catch (error) {
        this.context.fault(error);
      }
    } else if (this.phase === 'queued') {
      this.phase = 'handling';
      try {
        this.method.handle(this, this.request);
      } catch (error) {
        this.context.fault(error);
        this.fail(STATUS_INTERNAL, 'internal error');
      }
    }
  }

  private settle(code: RpcStatus, message: string, answer: Uint8Array | undefined): void {
    if (this.phase !== 'handling') return;
    this.phase = 'answered';
    this.code = code;
    this.text = message;
    this.answer = answer;
    this.context.turn.add(this);
  }
}
