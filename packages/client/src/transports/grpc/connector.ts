import { isIP, type Socket } from 'node:net';
import { createSecureContext, rootCertificates, type SecureContext, connect as tlsConnect } from 'node:tls';
import { ChannelCredentials, credentials, type experimental } from '@grpc/grpc-js';
import type { TlsCredentials } from './credentials.js';
import { takeNextSocket } from './next-socket.js';
import type { Target } from './target.js';

/** How far a connection has come. */
export type ConnectPhase = 'none' | 'tcp' | 'tls';

/**
 * Makes the connections of one channel: in plain text or with TLS 1.3 (as the SDK: no other version). It knows the sockets, which
 * gRPC does not give out: how far they came, why they failed, and how to be rid of them when the peer no longer answers.
 */
export class Connector extends ChannelCredentials {
  /** How far the furthest attempt came. */
  phase: ConnectPhase = 'none';
  /** The last error of a socket. */
  error: Error | undefined;
  readonly #port: number;
  readonly #tls: { readonly host: string; readonly context: SecureContext } | undefined;
  readonly #sockets = new Set<Socket>();
  #over = false;

  constructor({ host, port }: Target, tls: TlsCredentials | undefined) {
    super();
    this.#port = port;
    this.#tls = tls === undefined ? undefined : { host, context: secureContext(tls) };
  }

  get encrypted(): boolean {
    return this.#tls !== undefined;
  }

  /** Whether every connection that it made is gone. */
  get disconnected(): boolean {
    return this.#sockets.size === 0;
  }

  /** Ends what is still connected, or will be. */
  destroy(): void {
    this.#over = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  override _isSecure(): boolean {
    return this.encrypted;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(): experimental.SecureConnector {
    return {
      connect: (socket) => this.#secure(socket),
      // gRPC begins to connect right after this.
      waitForReady: () => {
        takeNextSocket(this.#port, (socket) => this.#watch(socket));
        return Promise.resolve();
      },
      getCallCredentials: () => credentials.createEmpty(),
      destroy: () => undefined,
    };
  }

  #secure(tcp: Socket): Promise<experimental.SecureConnectResult> {
    this.#watch(tcp);
    // gRPC goes on connecting after its channel was closed.
    if (this.#over) {
      tcp.destroy();
      return Promise.reject(new Error('given up'));
    }
    if (this.phase === 'none') this.phase = 'tcp';
    const tls = this.#tls;
    if (tls === undefined) return Promise.resolve({ socket: tcp, secure: false });
    return new Promise((resolve, reject) => {
      const socket = tlsConnect({
        socket: tcp,
        host: tls.host,
        // Addresses are not names: RFC 6066 forbids them here.
        ...(isIP(tls.host) === 0 && { servername: tls.host }),
        secureContext: tls.context,
        ALPNProtocols: ['h2'],
      });
      this.#watch(socket);
      socket.once('error', reject);
      socket.once('close', () => reject(this.error ?? new Error('closed during the TLS handshake')));
      socket.once('secureConnect', () => {
        this.phase = 'tls';
        resolve({ socket, secure: true });
      });
    });
  }

  #watch(socket: Socket): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

/** Trusts the system's CAs and the given ones. */
function secureContext({ ca, client }: TlsCredentials): SecureContext {
  const options = { ...client, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const;
  const context = createSecureContext(options);
  const inner: unknown = context.context;
  // Without `ca` OpenSSL takes the system's store, which the process holds once; given as `ca` they would be parsed anew, 20 ms each time.
  if (typeof inner === 'object' && inner !== null && 'addCACert' in inner) {
    const { addCACert } = inner;
    if (typeof addCACert === 'function') {
      addCACert.call(inner, ca);
      return context;
    }
  }
  return createSecureContext({ ...options, ca: [...rootCertificates, ca] });
}
