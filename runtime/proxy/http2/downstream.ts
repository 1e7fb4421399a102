import type { HttpConnectionManagerConfig } from '../config/types';
import type { ForwardingRules } from '../http1/forward';
import type { Head } from '../http1/head';
import { isInternalAddress, plainAddress } from '../listener/address';
import type { HttpConnectionManager } from '../listener/http-connection-manager';
import { LastAuthority } from '../listener/last-authority';
import type { Router } from '../router/router';
import type { CloseReason, Connection, Destination } from '../transport';
import type { TlsSession } from '../transport/tls';
import { ConnectionDeadline } from './connection-life';
import type { Http2Dependencies } from './connection-output';
import { ServerConnection } from './server-connection';
import { ServerStream } from './server-stream';
import type { Http2Settings } from './settings';
import type { Http2Stream } from './stream';

/** Time for a client to read why its connection ends. */
const LINGER_TIME = 1000;

interface Common {
  readonly deps: Http2Dependencies;
  readonly settings: Http2Settings;
}

const commons = new WeakMap<HttpConnectionManagerConfig, Common>();

/** What all connections of a configuration have in common. */
function common({ config, stats }: HttpConnectionManager, { transport, clock, defer, deadlines }: Router): Common {
  let known = commons.get(config);
  if (known === undefined || known.deps.stats !== stats) {
    const settings = { ...config.http2, maxHeaderList: config.maxRequestHeadBytes, connectProtocol: true };
    commons.set(config, known = { deps: { transport, clock, defer, deadlines, stats }, settings });
  }
  return known;
}

/** A client's connection that speaks HTTP/2. */
export class Http2Downstream extends ServerConnection implements ForwardingRules {
  private drained = false;
  /** It ends once the client has taken what it was sent. */
  private closing = false;
  /** The client takes nothing of what it was sent, for longer than it is waited for it to hear. */
  private slow = false;
  private address: string | undefined;
  private readonly authority = new LastAuthority();

  constructor(
    readonly manager: HttpConnectionManager, readonly router: Router, connection: Connection, prefaceRead: boolean,
    readonly destination: Destination | undefined,
  ) {
    const { deps, settings } = common(manager, router);
    super(deps, settings);
    this.connection = connection;
    connection.handler = this;
    this.start(prefaceRead);
    this.setDeadline(ConnectionDeadline.Duration, manager.config.maxConnectionDuration ?? 0);
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
  get secure(): boolean { return this.connection.tls !== undefined; }
  get overwriteForwardedProto(): boolean { return this.manager.config.useRemoteAddress; }
  get fallbackHost(): string { return this.manager.authority; }

  get peerAddress(): string { return (this.address ??= plainAddress(this.connection.peerAddress)); }
  get peerPort(): number { return this.connection.peerPort; }
  get speaks() { return 'HTTP/2' as const; }
  get underWay(): number { return this.streams.size; }
  /** Until it has heard that it ends, it may have opened streams, which are served. */
  get owes(): boolean { return this.drained || this.streams.size > 0; }
  get tls(): TlsSession | undefined { return this.connection.tls; }
  get tlsFailure(): string | undefined { return this.connection.failure?.text; }

  authorityOf(head: Head, start: number, end: number): string {
    return this.authority.of(head, start, end);
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
    this.clearDeadline(ConnectionDeadline.Idle);
  }

  protected onQuiet(): void {
    if (this.manager.draining) this.drain();
    if (this.drained) {
      // Its client has not said that it heard.
      this.linger();
      return;
    }
    this.setDeadline(ConnectionDeadline.Idle, this.manager.config.idleTimeout);
  }

  override drain(): void {
    if (!this.drained) this.manager.stats.cxDrainClose++;
    this.drained = true;
    super.drain();
    if (this.streams.size === 0 && !this.gone) this.linger();
  }

  override onDeadline(kind: number): void {
    switch (kind) {
      case ConnectionDeadline.Linger:
        // Streams that were opened before the client heard are served.
        if (this.failed || (this.streams.size === 0 && !this.waitsForReader())) this.destroy();
        return;
      case ConnectionDeadline.Duration:
        this.manager.stats.cxMaxDuration++;
        this.drain();
        this.linger();
        return;
      case ConnectionDeadline.Idle:
        this.manager.stats.cxIdleTimeout++;
        super.drain();
        // One that does not even answer that is closed.
        this.linger();
        return;
      default:
        super.onDeadline(kind);
    }
  }

  protected override get blockTimeout(): number {
    return this.manager.config.requestHeadersTimeout;
  }

  protected override onBlockTimeout(): void {
    this.manager.stats.rqHeaderTimeout++;
  }

  override fail(code: number): void {
    if (!this.failed && !this.gone) this.manager.stats.cxProtocolError++;
    super.fail(code);
  }

  protected override close(): void {
    if (this.gone) return;
    this.out.flush();
    this.connection.commit?.();
    this.closing = this.connection.pendingBytes > 0;
    if (this.closing) this.linger();
    else super.close();
  }

  override onDrain(): void {
    super.onDrain();
    if (this.gone) return;
    if (this.closing) {
      this.close();
    } else if (this.slow) {
      this.slow = false;
      this.linger();
    }
  }

  /** A client that takes nothing of its last answer may do so for as long as any stream may stand still. */
  private waitsForReader(): boolean {
    if (this.slow || this.connection.pendingBytes === 0) return false;
    this.slow = true;
    this.setDeadline(ConnectionDeadline.Linger, this.manager.config.streamIdleTimeout);
    return true;
  }

  protected linger(): void {
    this.setDeadline(ConnectionDeadline.Linger, LINGER_TIME);
  }

  override onClosed(reason: CloseReason): void {
    if (this.streams.size > 0) this.manager.stats.cxDestroyRemoteActiveRq++;
    super.onClosed(reason);
  }

  protected override finish(): void {
    if (this.gone) return;
    super.finish();
    this.manager.connectionGone(this);
  }
}
