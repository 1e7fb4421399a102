import type { Host } from '../cluster/types';
import type { ClusterPool } from '../router/cluster-pool';
import { Deadline, type DeadlineOwner } from '../timer';
import { ClientConnection } from './client-connection';

/** Bytes of an answer's header list at most; as of HTTP/1.1. */
const MAX_HEADER_LIST = 60 * 1024;

/** A connection to a host that carries many requests at once. */
export class Http2Upstream extends ClientConnection implements DeadlineOwner {
  private readonly idleDeadline = new Deadline(this, 0);

  constructor(private readonly pool: ClusterPool, readonly host: Host) {
    const { transport, clock, defer } = pool.router;
    super({ transport, clock, defer }, { ...pool.cluster.config.http2!, maxHeaderList: MAX_HEADER_LIST });
    this.connect(host.address, host.port);
  }

  override nextStreamId(): number {
    const { router, cluster } = this.pool;
    if (this.idleDeadline.set) router.deadlines.clear(this.idleDeadline);
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

  onDeadline(): void {
    this.retire();
  }

  protected override onSettled(): void {
    this.pool.serveWaiting();
  }

  protected ended(): void {
    this.pool.router.deadlines.clear(this.idleDeadline);
    this.pool.http2Closed(this);
  }
}
