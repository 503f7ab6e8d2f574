import { createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import type { HandshakeFailure, RpcListenAddress, RpcTls } from '../engine.js';
import { listenError } from '../listen-error.js';
import { createTlsTerminator, rawSocket } from './tls.js';

/** Accepts TCP connections, terminates TLS where configured, and hands each socket on once, ready for HTTP/2. */
export class Listeners {
  private readonly servers = new Set<Server>();
  /** Sockets in their TLS handshake; nobody else knows of them yet. */
  private readonly handshaking = new Set<Socket>();
  /** Asked of each connection before its handshake; false: it is closed. */
  private readonly admit: (socket: Socket) => boolean;
  /** Its errors are ignored: the close event that follows is what counts. */
  private readonly ready: (socket: Socket) => void;
  private readonly fault: (error: unknown) => void;
  private readonly failed: (failure: HandshakeFailure) => void;
  private stopped = false;
  private terminator: TlsServer | undefined = undefined;

  constructor(
    tls: RpcTls | undefined,
    ready: (socket: Socket) => void,
    fault: (error: unknown) => void,
    failed: (failure: HandshakeFailure) => void,
    admit: (socket: Socket) => boolean = () => true,
  ) {
    this.admit = admit;
    this.ready = ready;
    this.fault = fault;
    this.failed = failed;
    if (tls !== undefined) this.setTls(tls);
  }

  get secure(): boolean {
    return this.terminator !== undefined;
  }

  /** For connections that come from now on. Throws on a certificate or key that OpenSSL refuses, and keeps the old ones. */
  setTls(tls: RpcTls): void {
    const secured = (socket: TLSSocket): void => {
      const raw = rawSocket(socket);
      if (raw !== undefined) this.handshaking.delete(raw);
      // As in `accepted`.
      socket.on('error', ignore);
      this.ready(socket);
    };
    this.terminator = createTlsTerminator(tls, secured, (failure) => {
      // Those that we dropped ourselves have not failed.
      if (!this.stopped) this.failed(failure);
    });
  }

  listen(address: RpcListenAddress): Promise<RpcListenAddress> {
    return new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true }, (socket) => this.accepted(socket));
      const refuse = (cause: unknown): void => reject(listenError(address, cause));
      server.once('error', refuse);
      try {
        server.listen({ host: address.host, port: address.port }, () => {
          server.off('error', refuse);
          // Such as EMFILE at accept: the listener lives on.
          server.on('error', this.fault);
          this.servers.add(server);
          const bound = server.address();
          const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
          resolve({ host: address.host, port });
        });
      } catch (cause) {
        refuse(cause);
      }
    });
  }

  /** No new connection from here on; those in their handshake are dropped. */
  stop(): void {
    this.stopped = true;
    for (const server of this.servers) server.close();
    this.servers.clear();
    for (const socket of this.handshaking) socket.destroy();
  }

  private accepted(socket: Socket): void {
    // The close event that follows is what counts.
    socket.on('error', ignore);
    if (!this.admit(socket)) {
      socket.destroy();
      return;
    }
    if (this.terminator === undefined) {
      this.ready(socket);
      return;
    }
    // Node remembers the address from the first look on, and a socket that has gone has none.
    if (socket.remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    this.handshaking.add(socket);
    socket.once('close', () => this.handshaking.delete(socket));
    this.terminator.emit('connection', socket);
  }
}

function ignore(): void {}
