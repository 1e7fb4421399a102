import type { DownstreamTransportSocket, PendingConnection } from '../listener/transport-socket';
import { Deadline, type Deadlines, type DeadlineOwner } from '../timer';
import { READ_OFFSET, type CloseReason, type Connection, type ConnectionHandler, type SecuredConnection, type Transport } from '../transport';
import type { HandshakeFailure } from './failures';
import type { ServerTlsContext } from './server';
import type { TlsStats } from './stats';

export interface DownstreamTlsDependencies {
  readonly transport: Transport;
  readonly deadlines: Deadlines;
  readonly now: () => number;
  /** The filter chain, for logs. */
  readonly name: string;
  readonly stats: TlsStats;
  readonly failed: (failure: HandshakeFailure) => void;
}

/** TLS in front of a filter chain. It is replaced when a secret is; connections that are open keep what they began with. */
export class DownstreamTls implements DownstreamTransportSocket {
  constructor(readonly context: ServerTlsContext, readonly handshakeTimeout: number, readonly deps: DownstreamTlsDependencies) {}

  accept(connection: Connection, serve: (secured: Connection, protocol: string | undefined) => void, gone: () => void): PendingConnection {
    return new Handshake(this, connection, serve, gone);
  }
}

/** A connection whose handshake is under way. */
class Handshake implements ConnectionHandler, DeadlineOwner, PendingConnection {
  private readonly secured: SecuredConnection;
  private readonly deadline = new Deadline(this, 0);

  constructor(
    private readonly socket: DownstreamTls, connection: Connection,
    private readonly serve: (secured: Connection, protocol: string | undefined) => void, private readonly gone: () => void,
  ) {
    const { deps: { transport, deadlines, now }, context, handshakeTimeout } = socket;
    const secured = transport.secure(connection, context, this);
    this.secured = secured;
    // The connection itself is used up; its handler only hands over what was read before.
    connection.handler = new FirstBytes(transport, secured);
    if (handshakeTimeout > 0) deadlines.set(this.deadline, handshakeTimeout, now());
  }

  onConnect(): void {
    const { deadlines, stats } = this.socket.deps;
    deadlines.clear(this.deadline);
    const { version, reused, peer, alpn } = this.secured.tls!;
    stats.done(version, reused, peer !== undefined);
    this.serve(this.secured, alpn);
  }

  onClosed(_reason: CloseReason): void {
    const { deadlines, stats, name, failed } = this.socket.deps;
    deadlines.clear(this.deadline);
    const { failure, peerAddress, peerPort } = this.secured;
    if (failure !== undefined) {
      stats.failed(failure);
      failed({ side: 'downstream', name, peer: `${peerAddress}:${peerPort}`, kind: failure.kind, reason: failure.text });
    }
    this.gone();
  }

  onDeadline(): void {
    const { stats, name, failed } = this.socket.deps;
    stats.handshakeTimeout++;
    const { peerAddress, peerPort } = this.secured;
    failed({
      side: 'downstream', name, peer: `${peerAddress}:${peerPort}`, kind: 'closed', reason: `the client did not finish its handshake within ${this.socket.handshakeTimeout} ms`,
    });
    this.secured.close();
    this.gone();
  }

  destroy(): void {
    this.socket.deps.deadlines.clear(this.deadline);
    this.secured.close();
  }

  onData(): void {}
  onEnd(): void {}
  onDrain(): void {}
}

/** Hands what an inspection has read of a connection to its TLS. */
class FirstBytes implements ConnectionHandler {
  constructor(private readonly transport: Transport, private readonly secured: SecuredConnection) {}

  onData(length: number): void {
    this.secured.receive(Buffer.from(this.transport.input.subarray(READ_OFFSET, READ_OFFSET + length)));
  }

  onConnect(): void {}
  onEnd(): void {}
  onDrain(): void {}
  onClosed(): void {}
}
