import { CR, LF, SP } from '../http1/bytes';
import { PREFACE } from '../http2/protocol';
import { READ_OFFSET, type CloseReason, type Connection, type ConnectionHandler, type Transport } from '../transport';
import type { Downstream } from './downstream';

/** Bytes of the preface that hold its first line. */
const VERSION_SAID = 'PRI * HTTP/2.0\r\n'.length;

/**
 * Reads the first bytes of a connection: the preface of HTTP/2 (RFC 9113 §3.4) is no request of HTTP/1.1, so prior knowledge of either needs no port
 * of its own. What is a beginning of neither ends as an invalid preface does: with GOAWAY, which nobody can take for an answer. Until that is known the connection counts as one of HTTP/1.1.
 */
export class ProtocolDetector implements ConnectionHandler {
  private kept = 0;

  constructor(
    private readonly transport: Transport,
    private readonly connection: Connection,
    private readonly http1: Downstream,
    /** Takes the connection over: whoever it returns hears of what comes. `prefaceRead`: the preface has been taken off. */
    private readonly http2: (prefaceRead: boolean) => ConnectionHandler,
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
        // Who has said the version and goes on otherwise errs in HTTP/2; a first line without any version is nobody's request.
        if (kept + i >= VERSION_SAID || isNoRequest(input, READ_OFFSET, READ_OFFSET + length)) this.goOn(this.http2(false), length);
        else this.serveHttp1(length);
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
    const handler = this.http2(true);
    if (length > known) handler.onData(length - known);
  }

  /** What was taken for a preface so far is the beginning of a request. */
  private serveHttp1(length: number): void {
    this.connection.handler = this.http1;
    this.goOn(this.http1, length);
  }

  /** What has come, from its first byte on. */
  private goOn(handler: ConnectionHandler, length: number): void {
    const { connection, kept } = this;
    const { input } = this.transport;
    if (kept > 0) {
      const rest = Buffer.from(input.subarray(READ_OFFSET, READ_OFFSET + length));
      PREFACE.copy(input, READ_OFFSET, 0, kept);
      handler.onData(kept);
      if (connection.closed) return;
      rest.copy(input, READ_OFFSET);
    }
    handler.onData(length);
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

/** Whether [start, end) begins with a whole line of three words or more whose last is no version of anything: without a `/`. */
function isNoRequest(bytes: Buffer, start: number, end: number): boolean {
  let words = 1, slashes = 0;
  for (let i = start; i < end; i++) {
    const c = bytes[i];
    if (c === CR || c === LF) return words >= 3 && slashes === 0;
    if (c === SP) {
      // One at the end of the line begins no word: what is in front of it is a version that the parser refuses with 400.
      if (bytes[i + 1] === CR || bytes[i + 1] === LF) continue;
      words++;
      slashes = 0;
    } else if (c === 47) {
      slashes++;
    }
  }
  return false;
}
