import { Downstream } from '../listener/downstream';
import type { HttpConnectionManager } from '../listener/http-connection-manager';
import type { Router } from '../router/router';
import { Deadline, type DeadlineOwner } from '../timer';
import type { CloseReason, Connection, ConnectionHandler } from '../transport';
import { ServerConnection } from './server-connection';
import type { ServerStream } from './server-stream';

/** Time for a client to read why its connection ends. */
const LINGER_TIME = 1000;
const HttpDeadline = { Idle: 0, Linger: 1 } as const;

/** A client's connection that speaks HTTP/2: each of its streams is served as a connection of HTTP/1.1 is. */
export class Http2Downstream extends ServerConnection implements DeadlineOwner {
  private readonly idleDeadline = new Deadline(this, HttpDeadline.Idle);
  private drained = false;
  private readonly lingerDeadline = new Deadline(this, HttpDeadline.Linger);

  constructor(private readonly manager: HttpConnectionManager, private readonly router: Router, connection: Connection, prefaceRead: boolean) {
    super({ transport: router.transport, clock: router.clock, defer: router.defer }, {
      ...manager.config.http2,
      maxHeaderList: manager.config.maxRequestHeadBytes,
    });
    this.connection = connection;
    connection.handler = this;
    this.start(prefaceRead);
    this.onQuiet();
  }

  override onData(length: number): void {
    this.manager.stats.bytesReceived += length;
    super.onData(length);
  }

  get bufferedBytes(): number {
    let bytes = this.connection.pendingBytes;
    for (const stream of this.streams.values()) bytes += stream.keptBytes + (stream.handler as Downstream).bufferedBytes;
    return bytes;
  }

  holdReading(hold: boolean): void {
    this.connection.hold?.(hold);
  }

  protected createHandler(stream: ServerStream): ConnectionHandler {
    return new Downstream(this.manager, this.router, stream, 2);
  }

  protected takesRequests(stream: ServerStream): boolean {
    return (stream.handler as Downstream).takesRequests;
  }

  refuseTooLarge(stream: ServerStream): void {
    (stream.handler as Downstream).refuseTooLarge();
  }

  override opened(stream: ServerStream): void {
    super.opened(stream);
    if (this.idleDeadline.set) this.router.deadlines.clear(this.idleDeadline);
  }

  protected onQuiet(): void {
    if (this.manager.draining) {
      this.drain();
      return;
    }
    const { idleTimeout } = this.manager.config;
    if (idleTimeout > 0) this.router.deadlines.set(this.idleDeadline, idleTimeout, this.router.clock.now());
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
