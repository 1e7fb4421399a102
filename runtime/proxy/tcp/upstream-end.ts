import type { CloseReason, Connection, ConnectionHandler } from '../transport';
import type { TcpSession } from './session';

/** The upstream's side of a session: one attempt to connect, and what comes of it. */
export class UpstreamEnd implements ConnectionHandler {
  connection!: Connection;

  constructor(private readonly session: TcpSession) {}

  onConnect(): void {
    this.session.upstreamConnected();
  }

  onData(length: number): void {
    this.session.upstreamData(length);
  }

  onBulk(length: number): void {
    this.session.upstreamBulk(length);
  }

  onEnd(): void {
    this.session.upstreamEnd();
  }

  onDrain(): void {
    this.session.upstreamDrained();
  }

  onClosed(reason: CloseReason): void {
    this.session.upstreamClosed(reason);
  }
}
