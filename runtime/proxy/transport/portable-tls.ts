import * as net from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { PortableConnection, type PortableHost } from './portable-connection';
import type { ClientTls, ServerTls, TlsError, TlsFailure, TlsSession, TlsSettings } from './tls';
import type { CloseReason, Connection, ConnectionHandler, SecuredConnection } from './types';

/** Milliseconds for a peer to take the last bytes of a connection that this side closes. */
const LAST_BYTES = 1000;

// Not imported: most proxies speak no TLS, and loading it takes memory.
const tls = () => process.getBuiltinModule('node:tls');

/** Speaks TLS as the server on a socket that nobody else reads. */
export function securePortable(
  host: PortableHost, socket: net.Socket, settings: ServerTls, handler: ConnectionHandler,
): SecuredConnection {
  const { context, alpn, clientCertificate, contextOf } = settings;
  const secured = new (tls().TLSSocket)(socket, {
    isServer: true,
    secureContext: context,
    requestCert: clientCertificate !== 'none',
    rejectUnauthorized: clientCertificate === 'required',
    ALPNProtocols: alpn,
    SNICallback: contextOf && ((name, done) => done(null, contextOf(name))),
    allowHalfOpen: true,
  } as ConstructorParameters<typeof TLSSocket>[1]);
  return new PortableTlsConnection(host, secured, socket, settings, handler, true);
}

/** Connects, and speaks TLS as the client. */
export function connectPortableTls(host: PortableHost, address: string, port: number, handler: ConnectionHandler, settings: ClientTls): Connection {
  const socket = net.connect({ host: address, port, noDelay: true, allowHalfOpen: true });
  const { context, alpn, serverName, session, onSession } = settings;
  const options: ConnectionOptions = {
    socket,
    secureContext: context,
    ALPNProtocols: alpn,
    servername: serverName,
    session,
    // Judged by `settings`, with the identity that is expected.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  };
  const secured = tls().connect(options);
  if (onSession !== undefined) secured.on('session', onSession);
  return new PortableTlsConnection(host, secured, socket, settings, handler, false);
}

/** TLS by the public API of `node:tls`, but for what that keeps to itself of a client's certificate. */
class PortableTlsConnection extends PortableConnection implements SecuredConnection {
  tls: TlsSession | undefined;
  failure: TlsFailure | undefined;
  private received = false;

  constructor(
    host: PortableHost, private readonly secured: TLSSocket, private readonly below: net.Socket, private readonly settings: TlsSettings,
    handler: ConnectionHandler, private readonly isServer: boolean,
  ) {
    super(host, secured, handler);
    secured.on('data', (bytes) => {
      this.received = true;
      this.safely(() => this.take(bytes));
    });
    // A server's socket tells of an error after the handshake by this event only.
    secured.on('_tlsError', (error: NodeJS.ErrnoException) => this.safely(() => this.onError(error)));
    secured.resume();
  }

  /** The runtime looks for what was read before once this event is over. */
  receive(first: Uint8Array): void {
    if (!this.closed) this.below.unshift(Buffer.from(first));
  }

  protected override awaitConnect(): void {
    this.socket.on('secure', () => this.safely(() => this.connected()));
  }

  protected override connected(): void {
    if (this.closed || this.tls !== undefined) return;
    const { secured } = this;
    const session: TlsSession = {
      version: secured.getProtocol() ?? '',
      cipher: secured.getCipher()?.standardName ?? '',
      alpn: secured.alpnProtocol || undefined,
      serverName: (secured as { servername?: string | false }).servername || undefined,
      reused: secured.isSessionReused(),
      certificate: secured.getPeerX509Certificate()?.raw,
      chainError: verifyError(secured),
      peer: undefined,
    };
    this.tls = session;
    this.failure = this.settings.judge(session);
    if (this.failure !== undefined) {
      this.fail();
      return;
    }
    super.connected();
  }

  protected override onError(error: NodeJS.ErrnoException): void {
    // What the socket below says of itself is no matter of TLS.
    if (error.syscall === undefined && error.code !== 'ECONNRESET') this.failure ??= this.settings.explain(error as TlsError, !this.connecting);
    this.fail();
  }

  protected override ended(): void {
    if (this.closed) return;
    if (this.connecting) {
      this.fail();
      return;
    }
    this.wonder();
    super.ended();
  }

  /** A server that says nothing after the handshake may not have liked the certificate. */
  private wonder(): void {
    if (!this.isServer && !this.received && !this.connecting) this.failure ??= this.settings.explain(undefined, true);
  }

  /** With the word that it was all (RFC 8446 §6.1): without it an answer that ends by closing seems cut off. */
  override close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.connecting || this.socket.readableEnded) {
      this.socket.destroy();
      return;
    }
    this.socket.setTimeout(LAST_BYTES, () => this.socket.destroy());
    this.socket.destroySoon();
  }

  override reset(): void {
    if (this.closed) return;
    this.closed = true;
    this.below.resetAndDestroy();
    this.socket.destroy();
  }

  protected override fail(): void {
    if (this.closed) return;
    this.wonder();
    if (this.connecting) {
      // A connection that was never there has no TLS to explain.
      if (!this.below.connecting && this.below.remoteAddress !== undefined) this.failure ??= this.settings.explain(undefined, false);
    }
    super.fail();
  }

  /** In TLS 1.3 this side is done before the peer has judged its certificate. What was sent meanwhile was never looked at. */
  protected override reasonOf(): CloseReason {
    return this.connecting || (this.failure?.kind === 'refused' && !this.received) ? 'connect_failed' : 'reset';
  }
}

/** The one thing that `node:tls` tells of a client only to its own server. Where it cannot be asked, nobody is trusted. */
function verifyError(socket: TLSSocket): string | undefined {
  const { ssl } = socket as unknown as { ssl: { verifyError?: () => { code: string } | null | undefined } | null };
  if (typeof ssl?.verifyError !== 'function') return 'UNSPECIFIED';
  return ssl.verifyError()?.code;
}
