import { ERRORS, type ProxyError } from '../error';
import { CR, LF } from '../http1/bytes';
import { Refuse, readRequest } from '../http1/framing';
import { HeadError, MAX_TARGET } from '../http1/head';
import type { RequestClient } from '../router/request-client';
import type { RequestContext } from '../router/request-context';
import { endTunnel } from '../router/tunnel';
import { READ_OFFSET, type CloseReason, type ConnectionHandler } from '../transport';
import { DownstreamConnection, DownstreamDeadline } from './downstream-connection';

/** Longest head that can be put together in front of the shared read buffer; a larger limit in the configuration is this one. */
const MAX_HEAD = 64 * 1024;
const REFUSED: Record<number, ProxyError> = {
  [Refuse.BadFraming]: ERRORS.badRequest,
  [Refuse.UnknownCoding]: ERRORS.unknownCoding,
  [Refuse.BadHost]: ERRORS.badHost,
  [Refuse.BadTarget]: ERRORS.badRequest,
  [HeadError.Syntax]: ERRORS.badRequest,
  [HeadError.Version]: ERRORS.httpVersion,
  [HeadError.TargetTooLong]: ERRORS.targetTooLong,
  [HeadError.TooManyHeaders]: ERRORS.headTooLarge,
};

/**
 * A client's connection: reads requests, one at a time, and hands them to the router; what the client sends ahead waits until the answer before it
 * has gone out.
 */
export class Downstream extends DownstreamConnection implements ConnectionHandler, RequestClient {
  readonly section = undefined;
  private active: RequestContext | undefined;
  /** Bytes of a head that is not complete, or of requests that came ahead. */
  private stash: Buffer | undefined;
  private stashHasLine = false;
  /** The last answer waits in the system: the next request waits with it. */
  private waitsForDrain = false;
  private consuming = false;

  get isIdle(): boolean { return this.active === undefined && this.stash === undefined && !this.waitsForDrain; }

  get takesRequests(): boolean { return this.isIdle && !this.closing && !this.lingering && !this.gone; }

  get owes(): boolean { return !this.isIdle || this.lingering; }

  get underWay(): number { return this.active === undefined ? 0 : 1; }

  get bufferedBytes(): number {
    return (this.stash?.length ?? 0) + this.connection.pendingBytes + (this.active?.bufferedBytes ?? 0);
  }

  onConnect(): void {}

  onData(length: number): void {
    const start = READ_OFFSET;
    const end = start + length;
    this.manager.stats.bytesReceived += length;
    const { active } = this;
    if (active !== undefined) {
      if (active.tunnel) this.relayTunnel(active, start, end);
      else if (active.requestComplete) this.keepForLater(start, end);
      else this.readBody(active, start, end);
    } else if (this.lingering) {
      this.linger(length);
    } else if (this.waitsForDrain) {
      this.keepForLater(start, end);
    } else {
      this.readMore(start, end);
    }
  }

  private readMore(from: number, end: number): void {
    const { stash } = this;
    let start = from;
    if (stash !== undefined) {
      const { input } = this.router.transport;
      const lf = input.indexOf(LF, from);
      start -= stash.length;
      if (start < 0) {
        this.refuseHead(this.begin(this.router.take()), ERRORS.headTooLarge);
        return;
      }
      stash.copy(input, start);
      this.stash = undefined;
      // Only a complete line can change what the head means so far, or a first line that is too long already; looking at it all again for every
      // byte would be the client's way to cost.
      if (lf >= 0 && lf < end) {this.stashHasLine = true;} else if (end - start <= (this.stashHasLine ? this.maxHead : MAX_TARGET)) {
        this.keep(start, end);
        return;
      }
    }
    this.consume(start, end);
  }

  private get maxHead(): number {
    return Math.min(this.manager.config.maxRequestHeadBytes, MAX_HEAD);
  }

  private consume(from: number, end: number): void {
    const { router } = this;
    let start = from;
    this.consuming = router.reading = true;
    while (start < end && this.active === undefined && !this.closing && !this.waitsForDrain) start = this.readHead(start, end);
    this.consuming = router.reading = false;
    if (this.gone || this.closing) return;
    if (start < end) this.keepForLater(start, end);
    if (this.active === undefined && !this.waitsForDrain && !this.idleDeadline.set && !this.headDeadline.set) this.rest(router.now);
  }

  private begin(ctx: RequestContext): RequestContext {
    const { router, manager } = this;
    ctx.downstream = this;
    router.now = ctx.start = router.clock.now();
    manager.stats.rqTotal++;
    manager.stats.rqActive++;
    if (this.idleDeadline.set) router.deadlines.clear(this.idleDeadline);
    if (this.headDeadline.set) router.deadlines.clear(this.headDeadline);
    this.stashHasLine = false;
    this.active = ctx;
    return ctx;
  }

  /** Returns where the bytes go on that are not yet used. */
  private readHead(start: number, end: number): number {
    const { router, manager } = this;
    const { input } = router.transport;
    // RFC 9112 §2.2: empty lines in front of a request-line, as old clients send them behind a body, are nobody's request: nothing waits for more.
    while (start + 1 < end && input[start] === CR && input[start + 1] === LF) start += 2;
    if (start === end) {
      if (this.headDeadline.set) router.deadlines.clear(this.headDeadline);
      return end;
    }
    const ctx = router.take();
    const { head, framing } = ctx;
    const length = head.parseRequest(input, start, end);
    if (length === 0 && end - start <= this.maxHead) {
      router.giveBack(ctx);
      this.keep(start, end);
      return end;
    }
    this.begin(ctx);
    if (length <= 0 || length > this.maxHead) {
      this.refuseHead(ctx, length < 0 ? REFUSED[length] : ERRORS.headTooLarge);
      return end;
    }
    ctx.keepHead();
    const refused = readRequest(head, framing);
    if (refused !== Refuse.Nothing) {
      ctx.takeLiterally();
      this.refuseMessage(ctx, REFUSED[refused]);
      return end;
    }
    this.closing = framing.close;
    const { body } = ctx;
    body.start(framing);
    const bodyStart = start + length;
    const stop = body.read(input, bodyStart, end);
    if (stop < 0) {
      this.refuseMessage(ctx, ERRORS.badRequest);
      return end;
    }
    ctx.requestComplete = body.done;
    ctx.bytesReceived = stop - start;
    if (head.minor === 0 && !manager.config.acceptHttp10) {
      router.refuse(ctx, ERRORS.http10);
      return stop;
    }
    router.start(ctx, manager.tables, bodyStart, stop);
    // Nothing to send the rest of the body on yet: it waits with the client.
    if (this.active === ctx && !ctx.requestComplete && (ctx.connection === undefined || !ctx.connection.ready)) this.connection.readStop();
    return stop;
  }

  private refuseHead(ctx: RequestContext, error: ProxyError): void {
    ctx.forgetHead();
    this.refuseMessage(ctx, error);
  }

  private refuseMessage(ctx: RequestContext, error: ProxyError): void {
    this.manager.stats.cxProtocolError++;
    this.closing = true;
    this.router.refuse(ctx, error);
  }

  /** A part of a head, kept until there is more of it. */
  private keep(start: number, end: number): void {
    const { router } = this;
    this.stash = Buffer.from(router.transport.input.subarray(start, end));
    if (!this.stashHasLine) this.stashHasLine = this.stash.includes(LF);
    this.headBegan();
  }

  /** A part of a head has come. */
  headBegan(): void {
    const { router } = this;
    const { requestHeadersTimeout } = this.manager.config;
    if (requestHeadersTimeout > 0 && !this.headDeadline.set) router.deadlines.set(this.headDeadline, requestHeadersTimeout, router.clock.now());
  }

  /** Bytes of requests whose turn has not come. Reading stops, so this is at most what one read brought. */
  private keepForLater(start: number, end: number): void {
    const more = this.router.transport.input.subarray(start, end);
    this.stash = this.stash === undefined ? Buffer.from(more) : Buffer.concat([this.stash, more]);
    this.connection.readStop();
  }

  private readBody(ctx: RequestContext, start: number, end: number): void {
    const { router } = this;
    const stop = ctx.body.read(router.transport.input, start, end);
    if (stop < 0) {
      this.badBody(ctx);
      return;
    }
    ctx.bytesReceived += stop - start;
    ctx.requestComplete = ctx.body.done;
    if (stop < end) this.keepForLater(stop, end);
    if (!router.forwardBody(ctx, router.transport.input, start, stop) && !ctx.requestComplete) this.pauseBody();
  }

  private badBody(ctx: RequestContext): void {
    this.manager.stats.cxProtocolError++;
    this.closing = true;
    if (ctx.responseStarted) {
      this.abort();
      this.router.cancel(ctx);
    } else {
      this.router.refuse(ctx, ERRORS.badRequest);
    }
  }

  private relayTunnel(ctx: RequestContext, start: number, end: number): void {
    const { router } = this;
    ctx.bytesReceived += end - start;
    router.touch(ctx);
    if (!ctx.connection!.sendBody(ctx, router.transport.input, start, end)) this.pauseBody();
  }

  pauseBody(): void {
    this.manager.stats.flowControlPaused++;
    this.connection.readStop();
  }

  /** The upstream takes more of the body, or of the tunnel. */
  resumeBody(ctx: RequestContext): void {
    if (ctx.tunnel || !ctx.requestComplete) this.connection.readStart();
  }

  /** Whether the connection ends after this answer; decided when the answer's head is written. */
  closesAfter(ctx: RequestContext): boolean {
    // Of a request that is not complete nobody knows where the next one begins, unless its body were read for nothing.
    // Whoever is refused a tunnel may have sent bytes of it already.
    if (!ctx.requestComplete || ctx.framing.connect || this.expired || this.manager.draining || this.router.closing) this.closing = true;
    return this.closing;
  }

  tunnelStarted(): void {
    const { stats } = this.manager;
    stats.upgradeTotal++;
    stats.upgradeActive++;
    this.closing = true;
    // What the client sent ahead of the switch belongs to the tunnel.
    const { stash, active } = this;
    this.stash = undefined;
    if (stash !== undefined && !active!.connection!.sendBody(active!, stash, 0, stash.length)) return;
    this.connection.readStart();
  }

  finishTunnel(): void {
    this.peerEnded = true;
    this.connection.commit?.();
    this.lastWriteTaken = this.connection.pendingBytes === 0;
  }

  /** The request has ended. Whether another one may be read, by `next`. */
  release(ctx: RequestContext): boolean {
    this.active = undefined;
    if (ctx.tunnel) this.manager.stats.upgradeActive--;
    if (this.gone) return false;
    if (this.closing || this.peerEnded) {
      const quiet = ctx.requestComplete && this.stash === undefined;
      this.stash = undefined;
      this.finish(quiet);
      return false;
    }
    if (!this.lastWriteTaken) {
      this.waitsForDrain = true;
      this.boundSlowReader();
      return false;
    }
    if (this.consuming) return false;
    return true;
  }

  /** Reads the next request: one that came ahead, or one that is yet to come. */
  next(): void {
    const { router } = this;
    if (this.gone || this.active !== undefined || this.waitsForDrain) return;
    const { stash } = this;
    if (stash === undefined) {
      // What it had to send before it could close is sent.
      if (this.expired || this.manager.draining) {
        this.drain();
        return;
      }
      this.rest(router.now);
    } else if (router.reading) {
      process.nextTick(() => this.next());
      return;
    } else {
      this.stash = undefined;
      stash.copy(router.transport.input, READ_OFFSET - stash.length);
      this.consume(READ_OFFSET - stash.length, READ_OFFSET);
      if (this.gone || this.active !== undefined || this.waitsForDrain) return;
    }
    this.connection.readStart();
  }

  onDrain(): void {
    this.lastWriteTaken = true;
    const { active } = this;
    if (active !== undefined) {
      active.resumeAnswer();
    } else if (this.lingering) {
      this.lingerOn();
    } else if (this.waitsForDrain) {
      this.waitsForDrain = false;
      this.router.deadlines.clear(this.lingerDeadline);
      this.router.now = this.router.clock.now();
      this.next();
    }
  }

  onEnd(): void {
    const { active } = this;
    if (active === undefined) {
      this.peerEnded = true;
      if (this.connection.pendingBytes === 0) this.close();
      else if (!this.lingering) this.finish(true);
    } else if (active.tunnel) {
      endTunnel(this.router, active, true);
    } else if (active.requestComplete && active.framing.close) {
      // A client that said this is its last request may end its half of the connection and wait. From others an end means that they went away:
      // the two look the same, and an upstream that works for nobody costs more than a client that half-closes without saying so.
      this.peerEnded = true;
    } else {
      this.manager.stats.cxDestroyRemoteActiveRq++;
      this.abort();
      this.router.cancel(active);
    }
  }

  onClosed(_reason: CloseReason): void {
    const { active } = this;
    this.finished();
    if (active === undefined) return;
    this.manager.stats.cxDestroyRemoteActiveRq++;
    this.router.cancel(active);
  }

  onDeadline(kind: number): void {
    const { router, manager } = this;
    switch (kind) {
      case DownstreamDeadline.Idle:
        manager.stats.cxIdleTimeout++;
        this.close();
        return;
      case DownstreamDeadline.Duration:
        manager.stats.cxMaxDuration++;
        this.expired = true;
        this.drain();
        return;
      case DownstreamDeadline.Head: {
        manager.stats.rqHeaderTimeout++;
        const ctx = this.begin(router.take());
        this.stash = undefined;
        this.refuseHead(ctx, ERRORS.headTimeout);
        return;
      }
      default:
        this.close();
    }
  }

  /** Closes if no request is under way; else after its answer. */
  drain(): void {
    if (!this.isIdle || this.lingering) return;
    this.manager.stats.cxDrainClose++;
    this.close();
  }

  /** Closes now; a request under way counts as one whose client went away. */
  destroy(): void {
    const { active } = this;
    this.abort();
    if (active !== undefined) this.router.cancel(active);
  }
}
