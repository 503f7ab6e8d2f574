import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';

/** Node tells here of each socket that is about to connect. */
const CHANNEL = 'net.client.socket';
const TAKEN = Symbol('taken');

/**
 * Takes the next socket that begins to connect to that port, before this turn of the event loop ends. gRPC gives a socket out once it is
 * connected, and does not give up one that is connecting when its channel is closed: where nobody answers, that would hold the process
 * for two minutes. Who asks first gets the first.
 */
export function takeNextSocket(port: number, take: (socket: Socket) => void): void {
  const created = (message: unknown): void => {
    if (typeof message !== 'object' || message === null || !('socket' in message)) return;
    const { socket } = message;
    if (!(socket instanceof Socket)) return;
    socket.once('connectionAttempt', (_address: string, attempted: number) => {
      if (over || attempted !== port || TAKEN in socket) return;
      Object.defineProperty(socket, TAKEN, { value: true });
      stop();
      take(socket);
    });
  };
  let over = false;
  const stop = (): void => {
    over = true;
    unsubscribe(CHANNEL, created);
  };
  subscribe(CHANNEL, created);
  setImmediate(stop);
}
