import type { ForwardingRules } from '../http1/forward';
import type { Head } from '../http1/head';
import { isInternalAddress, plainAddress } from '../listener/address';
import type { HttpConnectionManager } from '../listener/http-connection-manager';
import type { Router } from '../router/router';
import { Deadline, type DeadlineOwner } from '../timer';
import type { CloseReason, Connection } from '../transport';
import { ServerConnection } from './server-connection';
import { ServerStream } from './server-stream';
import type { Http2Stream } from './stream';

/** Time for a client to read why its connection ends. */
const LINGER_TIME = 1000;
const HttpDeadline = { Idle: 0, Linger: 1 } as const;

/** A client's connection that speaks HTTP/2. */
export class Http2Downstream extends ServerConnection implements DeadlineOwner, ForwardingRules {
  private readonly idleDeadline = new Deadline(this, HttpDeadline.Idle);
  private readonly lingerDeadline = new Deadline(this, HttpDeadline.Linger);
  private drained = false;
  private address: string | undefined;
  private lastAuthority = '';

  constructor(readonly manager: HttpConnectionManager, readonly router: Router, connection: Connection, prefaceRead: boolean) {
    super({ transport: router.transport, clock: router.clock, defer: router.defer }, {
      ...manager.config.http2,
      maxHeaderList: manager.config.maxRequestHeadBytes,
    });
    this.connection = connection;
    connection.handler = this;
    this.start(prefaceRead);
    this.onQuiet();
  }

  // What forwarding asks of the connection.
  get ids() { return this.router.ids; }
  get generateRequestId(): boolean { return this.manager.config.generateRequestId; }
  get replaceRequestId(): boolean {
    const { preserveExternalRequestId, useRemoteAddress } = this.manager.config;
    return !preserveExternalRequestId && useRemoteAddress && !isInternalAddress(this.peerAddress);
  }
  get forwardedFor(): string { return this.manager.config.useRemoteAddress ? this.peerAddress : ''; }
  get overwriteForwardedProto(): boolean { return this.manager.config.useRemoteAddress; }
  get fallbackHost(): string { return this.manager.authority; }

  get peerAddress(): string { return (this.address ??= plainAddress(this.connection.peerAddress)); }
  get peerPort(): number { return this.connection.peerPort; }

  /** The authority in lower case. Requests of one connection most often name the same. */
  authorityOf(head: Head, start: number, end: number): string {
    const last = this.lastAuthority;
    if (last.length === end - start) {
      const { bytes, base } = head;
      let i = 0;
      while (i < last.length && bytes[base + start + i] === last.charCodeAt(i)) i++;
      if (i === last.length) return last;
    }
    return (this.lastAuthority = head.text(start, end).toLowerCase());
  }

  override onData(length: number): void {
    this.manager.stats.bytesReceived += length;
    super.onData(length);
  }

  /** Its deadline could not be dealt with. */
  onFault(): void {
    this.destroy();
  }

  get bufferedBytes(): number {
    let bytes = this.connection.pendingBytes + this.streamBytes;
    for (const stream of this.streams.values()) bytes += (stream as ServerStream).requestBytes;
    return bytes;
  }

  holdReading(hold: boolean): void {
    this.connection.hold?.(hold);
  }

  protected newStream(id: number): ServerStream {
    return ServerStream.take(this, id);
  }

  override opened(stream: Http2Stream): void {
    super.opened(stream);
    if (this.idleDeadline.set) this.router.deadlines.clear(this.idleDeadline);
  }

  protected onQuiet(): void {
    if (this.manager.draining) {
      this.drain();
      return;
    }
    const { idleTimeout } = this.manager.config;
    if (idleTimeout > 0) this.router.deadlines.set(this.idleDeadline, idleTimeout, this.router.now = this.router.clock.now());
  }

  override drain(): void {
    if (!this.drained) this.manager.stats.cxDrainClose++;
    this.drained = true;
    super.drain();
  }

  onDeadline(kind: number): void {
    if (kind === HttpDeadline.Linger) {
      // Streams that were opened before the client heard are served.
      if (this.failed || this.streams.size === 0) this.destroy();
      return;
    }
    this.manager.stats.cxIdleTimeout++;
    super.drain();
    // One that does not even answer that is closed.
    this.router.deadlines.set(this.lingerDeadline, LINGER_TIME, this.router.clock.now());
  }

  override fail(code: number): void {
    if (!this.failed && !this.gone) this.manager.stats.cxProtocolError++;
    super.fail(code);
  }

  protected linger(): void {
    this.router.deadlines.set(this.lingerDeadline, LINGER_TIME, this.router.clock.now());
  }

  override onClosed(reason: CloseReason): void {
    if (this.streams.size > 0) this.manager.stats.cxDestroyRemoteActiveRq++;
    super.onClosed(reason);
  }

  protected override finish(): void {
    if (this.gone) return;
    super.finish();
    this.router.deadlines.clear(this.idleDeadline);
    this.router.deadlines.clear(this.lingerDeadline);
    this.manager.connectionGone(this);
  }
}
