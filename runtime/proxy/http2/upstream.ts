import type { Host } from '../cluster/types';
import type { ClusterPool } from '../router/cluster-pool';
import type { RequestContext } from '../router/request-context';
import type { CloseReason } from '../transport';
import { ClientConnection } from './client-connection';
import { ClientStream } from './client-stream';
import { ConnectionDeadline } from './connection-life';

/** Bytes of an answer's header list at most; as of HTTP/1.1. */
const MAX_HEADER_LIST = 60 * 1024;

/** A connection to a host that carries many requests at once. */
export class Http2Upstream extends ClientConnection<ClientStream> {
  private timedOut = false;
  /** Why there is no TLS. */
  private transportFailure: string | undefined;

  constructor(readonly pool: ClusterPool, readonly host: Host) {
    const { transport, clock, defer, deadlines } = pool.router;
    const { config, stats } = pool.cluster;
    const limits = (config.http2 ?? config.autoHttp2)!;
    super({ transport, clock, defer, deadlines, stats }, { ...limits, maxHeaderList: MAX_HEADER_LIST, connectProtocol: false });
    this.setDeadline(ConnectionDeadline.Connect, config.connectTimeout);
    this.connection = pool.dial(host, this, pool.negotiation?.offer('h2'));
  }

  /** Sends a try, now or when the connection is made. */
  request(ctx: RequestContext): void {
    this.clearDeadline(ConnectionDeadline.Idle);
    this.begin(ClientStream.take(this, ctx));
  }

  override onConnect(): void {
    this.clearDeadline(ConnectionDeadline.Connect);
    const { negotiation } = this.pool;
    if (negotiation !== undefined && this.connection.tls?.alpn !== 'h2') {
      negotiation.failed('h2', true);
      this.transportFailure = `${this.host.key}: the server speaks no HTTP/2, which another endpoint of its cluster does`;
      this.destroy();
      return;
    }
    this.setDeadline(ConnectionDeadline.Duration, this.pool.cluster.config.maxConnectionDuration ?? 0);
    super.onConnect();
  }

  override nextStreamId(): number {
    const { router, cluster } = this.pool;
    const id = super.nextStreamId();
    const limit = cluster.config.maxRequestsPerConnection;
    if (limit > 0 && this.requests >= limit) router.defer(() => this.retire());
    return id;
  }

  protected onQuiet(): void {
    const { router, cluster } = this.pool;
    if (router.closing || this.host.removed) this.retire();
    else this.setDeadline(ConnectionDeadline.Idle, cluster.config.idleTimeout);
  }

  override onDeadline(kind: number): void {
    switch (kind) {
      case ConnectionDeadline.Idle:
        this.retire();
        return;
      case ConnectionDeadline.Duration:
        this.pool.cluster.stats.cxMaxDuration++;
        this.retire();
        return;
      case ConnectionDeadline.Connect:
        this.pool.cluster.stats.cxConnectTimeout++;
        this.timedOut = true;
        this.destroy();
        return;
      default:
        super.onDeadline(kind);
    }
  }

  protected override onSettled(first: boolean): void {
    super.onSettled(first);
    this.pool.serveWaiting();
  }

  override onClosed(reason: CloseReason): void {
    const { failure } = this.connection;
    if (failure !== undefined) this.transportFailure = this.pool.tlsFailed(this.host, failure);
    super.onClosed(reason);
  }

  /** What a request that is lost with it is told to have failed of. */
  get failureText(): string | undefined {
    return this.transportFailure;
  }

  protected override loseQueuedStream(stream: ClientStream, reason: CloseReason): void {
    if (this.timedOut) stream.connectTimedOut();
    // Nothing of it was sent, and the same endpoint would not take it the next time.
    else if (this.transportFailure !== undefined) super.loseQueuedStream(stream, 'connect_failed');
    else super.loseQueuedStream(stream, reason);
  }

  protected ended(failure: CloseReason | undefined): void {
    const { cluster } = this.pool;
    if (failure === 'connect_failed') cluster.stats.cxConnectFail++;
    // The server says by an alert that it has nothing of what is offered (RFC 7301 §3.2). Not all do, and Node.js did not always pass alerts on.
    if (failure !== undefined) {
      const speaksOther = this.connection.failure?.kind === 'protocol';
      this.pool.negotiation?.failed('h2', speaksOther, failure === 'connect_failed' && !speaksOther ? this.host : undefined);
    }
    this.pool.http2Closed(this);
  }
}
