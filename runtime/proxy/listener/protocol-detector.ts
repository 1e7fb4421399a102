import { PREFACE } from '../http2/protocol';
import { READ_OFFSET, type CloseReason, type Connection, type ConnectionHandler, type Transport } from '../transport';
import type { Downstream } from './downstream';

/**
 * Reads the first bytes of a connection: the preface of HTTP/2 (RFC 9113 §3.4) is no request of HTTP/1.1, so prior knowledge of either needs no port
 * of its own. Until that is known the connection counts as one of HTTP/1.1.
 */
export class ProtocolDetector implements ConnectionHandler {
  private kept = 0;

  constructor(
    private readonly transport: Transport,
    private readonly connection: Connection,
    private readonly http1: Downstream,
    /** Takes the connection over, and finds all that has come in the input. */
    private readonly http2: (length: number) => void,
  ) {}

  onConnect(): void {}

  onData(length: number): void {
    if (!this.http1.takesRequests) {
      // The time for a head is over, and it is answered.
      this.http1.onData(length);
      return;
    }
    const { input } = this.transport;
    const { kept } = this;
    const known = Math.min(length, PREFACE.length - kept);
    for (let i = 0; i < known; i++) {
      if (input[READ_OFFSET + i] !== PREFACE[kept + i]) {
        this.serveHttp1(length);
        return;
      }
    }
    this.kept = kept + known;
    if (this.kept < PREFACE.length) {
      // It may be the beginning of either; a head is bounded in time.
      this.http1.headBegan();
      return;
    }
    input.copyWithin(READ_OFFSET, READ_OFFSET + known, READ_OFFSET + length);
    this.http2(length - known);
  }

  /** What was taken for a preface so far is the beginning of a request. */
  private serveHttp1(length: number): void {
    const { connection, http1, kept } = this;
    const { input } = this.transport;
    connection.handler = http1;
    if (kept > 0) {
      const rest = Buffer.from(input.subarray(READ_OFFSET, READ_OFFSET + length));
      PREFACE.copy(input, READ_OFFSET, 0, kept);
      http1.onData(kept);
      if (connection.closed) return;
      rest.copy(input, READ_OFFSET);
    }
    http1.onData(length);
  }

  onEnd(): void {
    this.http1.onEnd();
  }

  onDrain(): void {
    this.http1.onDrain();
  }

  onClosed(reason: CloseReason): void {
    this.http1.onClosed(reason);
  }
}
