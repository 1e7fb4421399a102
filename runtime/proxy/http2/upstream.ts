import type { Host } from '../cluster/types';
import type { ClusterPool } from '../router/cluster-pool';
import type { RequestContext } from '../router/request-context';
import { Deadline, type DeadlineOwner } from '../timer';
import type { CloseReason } from '../transport';
import { ClientConnection } from './client-connection';
import { ClientStream } from './client-stream';

/** Bytes of an answer's header list at most; as of HTTP/1.1. */
const MAX_HEADER_LIST = 60 * 1024;
const UpstreamDeadline = { Idle: 0, Connect: 1 } as const;

/** A connection to a host that carries many requests at once. */
export class Http2Upstream extends ClientConnection implements DeadlineOwner {
  private readonly idleDeadline = new Deadline(this, UpstreamDeadline.Idle);
  private readonly connectDeadline = new Deadline(this, UpstreamDeadline.Connect);
  private timedOut = false;

  constructor(readonly pool: ClusterPool, readonly host: Host) {
    const { transport, clock, defer } = pool.router;
    super({ transport, clock, defer }, { ...pool.cluster.config.http2!, maxHeaderList: MAX_HEADER_LIST });
    const { connectTimeout } = pool.cluster.config;
    if (connectTimeout > 0) pool.router.deadlines.set(this.connectDeadline, connectTimeout, clock.now());
    this.connect(host.address, host.port);
  }

  /** Sends a try, now or when the connection is made. */
  request(ctx: RequestContext): void {
    if (this.idleDeadline.set) this.pool.router.deadlines.clear(this.idleDeadline);
    this.begin(ClientStream.take(this, ctx));
  }

  override onConnect(): void {
    this.pool.router.deadlines.clear(this.connectDeadline);
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
    const { idleTimeout } = cluster.config;
    if (router.closing || this.host.removed) this.retire();
    else if (idleTimeout > 0) router.deadlines.set(this.idleDeadline, idleTimeout, router.now);
  }

  onDeadline(kind: number): void {
    if (kind === UpstreamDeadline.Idle) {
      this.retire();
      return;
    }
    this.pool.cluster.stats.cxConnectTimeout++;
    this.timedOut = true;
    this.connection.close();
    this.finish();
  }

  protected override onSettled(first: boolean): void {
    super.onSettled(first);
    this.pool.serveWaiting();
  }

  protected override loseQueuedStream(stream: ClientStream, reason: CloseReason): void {
    if (this.timedOut) stream.connectTimedOut();
    else super.loseQueuedStream(stream, reason);
  }

  protected ended(failure: CloseReason | undefined): void {
    const { router, cluster } = this.pool;
    router.deadlines.clear(this.idleDeadline);
    router.deadlines.clear(this.connectDeadline);
    if (failure === 'connect_failed') cluster.stats.cxConnectFail++;
    this.pool.http2Closed(this);
  }
}
