import type { Clock, Timer } from '../../clock';
import { Body, Framing, readRequest, Refuse } from '../http1/framing';
import { Head } from '../http1/head';
import { reasonOf } from '../http1/reason';
import { READ_OFFSET, type Connection, type ConnectionHandler, type Transport } from '../transport';
import { text, type Answer, type OperatorRequest } from './types';

/** Bytes of a head at most. */
const MAX_HEAD = 8 * 1024;
/** Milliseconds that a connection may take to its next request, whole. */
const REQUEST_TIME = 10_000;
/** Milliseconds in which a client takes an answer. */
const ANSWER_TIME = 60_000;
/** Milliseconds in which a client that is sent no more ends its side: closed before, with bytes of it unread, it would lose the answer. */
const LINGER = 2_000;

const NOTHING: Buffer = Buffer.alloc(0);
// Heads are read and used within one event, so all connections share these.
const head = new Head();
const framing = new Framing();

/** What connections of a server share. */
export interface OperatorDeps {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Never rejects. */
  readonly answer: (request: OperatorRequest) => Promise<Answer>;
  readonly gone: (connection: OperatorConnection) => void;
}

/**
 * One client of a server of pages: HTTP/1.1 by the proxy's own parser, as strict as for everybody else. A request is answered before the next one is read;
 * a body, which no page wants, is not read, and the connection ends with the answer.
 */
export class OperatorConnection implements ConnectionHandler {
  /** What has come and was not used yet. */
  private kept = NOTHING;
  private state: 'waits' | 'answers' | 'drains' | 'lingers' = 'waits';
  /** The connection ends with the present answer. */
  private last = false;
  /** The client sends no more. */
  private ended = false;
  private timer: Timer | undefined;

  constructor(private readonly connection: Connection, private readonly deps: OperatorDeps) {
    connection.handler = this;
    this.within(REQUEST_TIME);
  }

  onConnect(): void {}

  onData(length: number): void {
    // Whoever is told no more is not listened to, either.
    if (this.state === 'lingers') return;
    const came = this.deps.transport.input.subarray(READ_OFFSET, READ_OFFSET + length);
    this.kept = Buffer.concat([this.kept, came]);
    if (this.state === 'waits') this.read();
  }

  onEnd(): void {
    this.ended = true;
    if (this.state === 'waits' || this.state === 'lingers') this.close();
  }

  onDrain(): void {
    if (this.state === 'drains') this.answered();
  }

  onClosed(): void {
    this.close();
  }

  close(): void {
    this.timer?.cancel();
    this.connection.close();
    this.deps.gone(this);
  }

  private within(milliseconds: number): void {
    this.timer?.cancel();
    this.timer = this.deps.clock.setTimer(milliseconds, () => this.close());
  }

  private read(): void {
    const { kept } = this;
    if (kept.length === 0) return;
    const length = head.parseRequest(kept, 0, kept.length);
    if (length === 0 && kept.length <= MAX_HEAD) return;
    if (length > MAX_HEAD || length === 0) this.refuse(text('the head is too large\n', 431));
    else if (length < 0 || readRequest(head, framing) !== Refuse.Nothing) this.refuse(text('this is no request\n', 400));
    else this.answer(length);
  }

  private refuse(answer: Answer): void {
    this.last = true;
    this.send(answer, false);
  }

  private answer(length: number): void {
    const request: OperatorRequest = {
      method: head.text(head.methodStart, head.methodEnd),
      // An authority in the target says more than Host does (RFC 9112 §3.2.2).
      host: framing.absolute ? head.text(framing.authorityStart, framing.authorityEnd) : head.header('host') ?? '',
      target: head.text(framing.pathStart, framing.pathEnd),
      origin: head.header('origin'),
    };
    const headOnly = framing.isHead;
    this.last = framing.close || framing.connect || framing.body !== Body.None;
    this.kept = this.kept.subarray(length);
    this.state = 'answers';
    this.timer?.cancel();
    this.connection.readStop();
    void this.deps.answer(request).then((answer) => this.send(answer, headOnly));
  }

  private send({ status, type, body }: Answer, headOnly: boolean): void {
    const { connection, last, deps } = this;
    if (connection.closed) return;
    const content = Buffer.from(body);
    const lines = `HTTP/1.1 ${status} ${reasonOf(status)}\r\ncontent-type: ${type}\r\ncontent-length: ${content.length}\r\n`
      + `date: ${new Date(deps.clock.wallTime()).toUTCString()}\r\ncache-control: no-cache, max-age=0\r\nx-content-type-options: nosniff\r\n`
      + `${last ? 'connection: close\r\n' : ''}\r\n`;
    const bytes = Buffer.concat(headOnly ? [Buffer.from(lines, 'latin1')] : [Buffer.from(lines, 'latin1'), content]);
    this.state = 'drains';
    if (connection.writeStable(bytes, bytes.length)) this.answered();
    else this.within(ANSWER_TIME);
  }

  /** All of the answer is with the system, or is about to be. */
  private answered(): void {
    const { connection } = this;
    if (this.last && this.ended) {
      this.close();
      return;
    }
    if (this.last) {
      this.state = 'lingers';
      this.kept = NOTHING;
      this.within(LINGER);
      connection.shutdown();
    } else {
      this.state = 'waits';
      this.within(REQUEST_TIME);
    }
    connection.readStart();
    if (this.state === 'waits') this.read();
  }
}
