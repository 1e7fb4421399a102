import { forwardResponse, type ForwardingRules, type ResponseEdits } from '../http1/forward';
import type { Framing } from '../http1/framing';
import type { Head } from '../http1/head';
import { REPLY_BODY_TOGETHER, hasBody, writeReply, type Reply } from '../router/local-reply';
import type { RequestContext } from '../router/request-context';
import type { Router } from '../router/router';
import { Deadline, type DeadlineOwner } from '../timer';
import type { Connection, Destination } from '../transport';
import type { TlsSession } from '../transport/tls';
import { isInternalAddress, plainAddress } from './address';
import type { HttpConnectionManager } from './http-connection-manager';
import { LastAuthority } from './last-authority';

/** After an answer that closes while the client still sends: time and bytes for it to notice, so that a reset does not overtake the answer. */
const LINGER_TIME = 1000;
const LINGER_BYTES = 1024 * 1024;
const LAST_CHUNK = Buffer.from('0\r\n\r\n', 'latin1');

export const DownstreamDeadline = { Idle: 0, Head: 1, Linger: 2, Duration: 3 } as const;

/** What a client's connection is apart from the requests on it: who the client is, what it is sent, and how the connection ends. */
export abstract class DownstreamConnection implements DeadlineOwner, ForwardingRules {
  /** No other request will be read. */
  protected closing = false;
  protected lingering = false;
  protected lastWriteTaken = true;
  protected peerEnded = false;
  protected gone = false;
  protected readonly idleDeadline: Deadline;
  protected readonly headDeadline: Deadline;
  protected readonly lingerDeadline: Deadline;
  /** Undefined: it may become as old as it likes. */
  private readonly durationDeadline: Deadline | undefined;
  /** It is as old as it may become: it ends when nothing is under way. */
  protected expired = false;
  private lingered = 0;
  /** Nothing has to be waited for but that the client takes what it is sent. */
  private quiet = false;
  readonly peerAddress: string;
  readonly peerPort: number;
  private readonly authority = new LastAuthority();

  readonly major = 1;
  readonly takesFrames = false;

  constructor(
    readonly manager: HttpConnectionManager, protected readonly router: Router, protected readonly connection: Connection,
    readonly destination: Destination | undefined,
  ) {
    this.idleDeadline = new Deadline(this, DownstreamDeadline.Idle);
    // Asked now: a connection that broke has no peer any more, and logs name who it was.
    this.peerAddress = plainAddress(connection.peerAddress);
    this.peerPort = connection.peerPort;
    this.headDeadline = new Deadline(this, DownstreamDeadline.Head);
    this.lingerDeadline = new Deadline(this, DownstreamDeadline.Linger);
    const now = router.clock.now();
    const { maxConnectionDuration } = manager.config;
    if (maxConnectionDuration !== undefined) {
      this.durationDeadline = new Deadline(this, DownstreamDeadline.Duration);
      router.deadlines.set(this.durationDeadline, maxConnectionDuration, now);
    }
    this.rest(now);
  }

  abstract onDeadline(kind: number): void;
  /** Its deadline could not be dealt with. */
  onFault(): void {
    this.destroy();
  }

  abstract drain(): void;
  abstract get underWay(): number;
  abstract get owes(): boolean;
  abstract get bufferedBytes(): number;
  abstract destroy(): void;

  // What forwarding asks of the connection.
  get ids() { return this.router.ids; }
  get generateRequestId(): boolean { return this.manager.config.generateRequestId; }
  get replaceRequestId(): boolean {
    const { preserveExternalRequestId, useRemoteAddress } = this.manager.config;
    return !preserveExternalRequestId && useRemoteAddress && !isInternalAddress(this.peerAddress);
  }
  get forwardedFor(): string { return this.manager.config.useRemoteAddress ? this.peerAddress : ''; }
  get secure(): boolean { return this.connection.tls !== undefined; }
  get overwriteForwardedProto(): boolean { return this.manager.config.useRemoteAddress; }
  get fallbackHost(): string { return this.manager.authority; }
  get forwarding(): ForwardingRules { return this; }

  get speaks() { return 'HTTP/1.1' as const; }
  get tls(): TlsSession | undefined { return this.connection.tls; }
  get tlsFailure(): string | undefined { return this.connection.failure?.text; }

  holdReading(hold: boolean): void {
    this.connection.hold?.(hold);
  }

  authorityOf(head: Head, start: number, end: number): string {
    return this.authority.of(head, start, end);
  }

  /** Whether the connection ends after this answer. */
  abstract closesAfter(ctx: RequestContext): boolean;

  composeHead(ctx: RequestContext, head: Head, framing: Framing, edits: ResponseEdits): number {
    return forwardResponse(head, framing, this.router.transport.output, ctx.rules, edits);
  }

  sendReply(ctx: RequestContext, reply: Reply, date: string): void {
    const close = this.closesAfter(ctx);
    this.sendComposed(ctx, writeReply(this.router.transport.output, reply, ctx, date, close));
    if (reply.body.length > REPLY_BODY_TOGETHER && hasBody(reply, ctx)) this.send(ctx, reply.body, 0, reply.body.length);
  }

  /** Sends [0, end) of the transport's output. False: stop until the client has taken it. */
  sendComposed(ctx: RequestContext, end: number): boolean {
    ctx.bytesSent += end;
    this.manager.stats.bytesSent += end;
    return (this.lastWriteTaken = this.connection.flush(end));
  }

  send(ctx: RequestContext, bytes: Uint8Array, start: number, end: number): boolean {
    ctx.bytesSent += end - start;
    this.manager.stats.bytesSent += end - start;
    return (this.lastWriteTaken = this.connection.write(bytes, start, end));
  }

  sendLastChunk(ctx: RequestContext): void {
    this.send(ctx, LAST_CHUNK, 0, LAST_CHUNK.length);
  }

  /** The tunnel's upstream sends no more. */
  shutdown(): void {
    this.connection.shutdown();
  }

  /** Nothing is under way: the client may stay so for its idle time. */
  protected rest(now: number): void {
    const { idleTimeout } = this.manager.config;
    if (idleTimeout > 0) this.router.deadlines.set(this.idleDeadline, idleTimeout, now);
  }

  /** After the last answer. `quiet`: the client has sent nothing that was not read. */
  protected finish(quiet: boolean): void {
    this.quiet = quiet || this.peerEnded;
    this.connection.commit?.();
    if (this.connection.pendingBytes > 0) this.lastWriteTaken = false;
    if (this.quiet && this.lastWriteTaken) {
      this.close();
      return;
    }
    this.lingering = true;
    this.connection.shutdown();
    if (!this.peerEnded) this.connection.readStart();
    if (this.lastWriteTaken) this.router.deadlines.set(this.lingerDeadline, LINGER_TIME, this.router.now);
    else this.boundSlowReader();
  }

  /** What waits to be taken by the client went out, after the last answer. */
  protected lingerOn(): void {
    if (this.quiet) this.close();
    else this.router.deadlines.set(this.lingerDeadline, LINGER_TIME, this.router.clock.now());
  }

  /** A client that takes nothing of its answer may do so for as long as any stream may stand still. */
  protected boundSlowReader(): void {
    const { streamIdleTimeout } = this.manager.config;
    if (streamIdleTimeout > 0) this.router.deadlines.set(this.lingerDeadline, streamIdleTimeout, this.router.now);
  }

  /** Bytes that come while the client has not noticed yet. */
  protected linger(length: number): void {
    this.lingered += length;
    if (this.lingered > LINGER_BYTES) this.close();
  }

  protected close(): void {
    this.finished();
    this.connection.close();
  }

  /** Ends the connection so that what was sent is not taken for a whole answer. */
  abort(): void {
    this.finished();
    this.connection.reset();
  }

  /** Somebody else serves the connection from now on. */
  leave(): void {
    this.gone = true;
    this.clearDeadlines();
  }

  protected finished(): void {
    if (this.gone) return;
    this.gone = true;
    this.clearDeadlines();
    this.manager.connectionGone(this);
  }

  private clearDeadlines(): void {
    const { deadlines } = this.router;
    deadlines.clear(this.idleDeadline);
    deadlines.clear(this.headDeadline);
    deadlines.clear(this.lingerDeadline);
    if (this.durationDeadline !== undefined) deadlines.clear(this.durationDeadline);
  }
}
