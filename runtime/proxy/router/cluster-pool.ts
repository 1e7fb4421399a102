import { isDeepStrictEqual } from 'node:util';
import type { Cluster, Host, HostPool } from '../cluster/types';
import type { UpstreamTlsConfig } from '../config/types';
import { ERRORS } from '../error';
import { HealthChecker } from '../health-check/checker';
import { Http2Upstream } from '../http2/upstream';
import type { ClientTlsContext } from '../tls/client';
import type { TlsContexts } from '../tls/contexts';
import type { Connection, ConnectionHandler, TlsFailure } from '../transport';
import { Negotiation } from './negotiation';
import type { RequestContext } from './request-context';
import type { Router } from './router';
import { UpstreamConnection } from './upstream-connection';

/** The connections of one host that wait for a request, the most recently used at the end: it is taken first, so that the others may age out. */
export class HostConnections implements HostPool {
  readonly idle: UpstreamConnection[] = [];
  /** Those that carry many requests at once, the oldest first. */
  readonly http2: Http2Upstream[] = [];
  draining = false;

  /** The first with room for another request, so that the later ones may age out. */
  withRoom(): Http2Upstream | undefined {
    const { http2 } = this;
    for (let i = 0; i < http2.length; i++) if (http2[i].hasRoom) return http2[i];
    return undefined;
  }

  drain(): void {
    this.draining = true;
    this.renew();
  }

  /** Ends what has nothing under way, and the rest with it. */
  renew(): void {
    for (const connection of this.idle.splice(0)) connection.discard();
    for (const connection of [...this.http2]) connection.retire();
  }
}

/**
 * The connections of one cluster, bounded by max_connections over all its hosts, and the requests that wait for one, first come first served,
 * bounded by max_pending_requests. An idle connection never keeps a request waiting: it is closed where another host is needed.
 */
export class ClusterPool {
  /** Requests that hold on to the cluster, those that wait before a retry included. */
  users = 0;
  private retired = false;
  private readonly waiting: RequestContext[] = [];

  /** Of the connections that will be made; undefined: plain TCP. */
  private tls: ClientTlsContext | undefined;
  private checker: HealthChecker | undefined;
  private tlsConfig: UpstreamTlsConfig | undefined;
  /** Changes with what is expected of an endpoint: connections of an earlier one are not used for new requests. */
  generation = 0;

  /** Where ALPN decides what is spoken. */
  negotiation: Negotiation | undefined;

  constructor(readonly cluster: Cluster, readonly router: Router, private readonly contexts?: TlsContexts) {}

  /** Whether requests that come now go as HTTP/2. */
  get speaksHttp2(): boolean {
    return this.negotiation === undefined ? this.cluster.config.http2 !== undefined : this.negotiation.agreed === 'h2';
  }

  /** New handshakes are as this says. A new secret is no reason to end what is open, other rules are. */
  setTls(tls: ClientTlsContext | undefined, config: UpstreamTlsConfig | undefined): void {
    this.tls = tls;
    const { autoHttp2 } = this.cluster.config;
    if ((this.negotiation === undefined) !== (autoHttp2 === undefined)) {
      this.negotiation?.close();
      this.negotiation = autoHttp2 && new Negotiation(this);
    }
    if (config === this.tlsConfig) return;
    this.tlsConfig = config;
    this.generation++;
    for (const host of this.cluster.hosts()) (host.pool as HostConnections | undefined)?.renew();
  }

  /** Why a connection of TLS did not come about, with the peer; logged. */
  tlsFailed(host: Host, failure: TlsFailure): string {
    this.contexts?.upstreamFailed(this.cluster.config.name, host.key, failure);
    return `${host.key}: ${failure.text}`;
  }

  /** Active health checks follow the cluster's configuration and hosts. */
  checkHealth(): void {
    const { cluster, checker } = this;
    const { healthCheck } = cluster.config;
    if (!isDeepStrictEqual(checker?.config, healthCheck)) {
      checker?.close();
      this.checker = healthCheck && new HealthChecker(this, healthCheck);
      // Whoever failed the checks of before has not failed these.
      for (const host of cluster.hosts()) cluster.checked(host, true);
    }
    this.checker?.setHosts(cluster.hosts());
  }

  /** The endpoints are others. */
  hostsChanged(): void {
    this.negotiation?.askAgain();
  }

  get statName(): string {
    return this.cluster.config.statName || this.cluster.config.name;
  }

  /** Connections that many requests share; any other is its request's. */
  *shared(): Generator<Http2Upstream> {
    const { http2, autoHttp2 } = this.cluster.config;
    if ((http2 ?? autoHttp2) === undefined) return;
    for (const host of this.cluster.hosts()) yield* (host.pool as HostConnections | undefined)?.http2 ?? [];
  }

  /** Bytes that wait on connections that many requests share. */
  get pendingBytes(): number {
    let bytes = 0;
    for (const { connection } of this.shared()) bytes += connection.pendingBytes;
    return bytes;
  }

  /** The cluster left the configuration: it ends with the last request that uses it. */
  retire(): void {
    this.retired = true;
    this.checker?.close();
    this.checker = undefined;
    this.negotiation?.close();
    this.closeIfUnused();
  }

  release(): void {
    this.users--;
    if (this.retired) this.closeIfUnused();
  }

  private closeIfUnused(): void {
    if (this.users > 0) return;
    for (const host of this.cluster.hosts()) host.pool?.drain();
    this.cluster.close();
  }

  /** Gives the request a connection to `host` now, when it is made, or when its turn comes; or refuses it. */
  acquire(ctx: RequestContext, host: Host): void {
    const { cluster } = this;
    const { connect } = ctx.framing;
    if (ctx.toHttp2 && !connect) {
      this.acquireStream(ctx, host);
      return;
    }
    // A tunnel has a connection of its own, on which nothing has been said.
    const idle = connect ? undefined : (host.pool as HostConnections | undefined)?.idle.pop();
    if (idle !== undefined) {
      ctx.host = host;
      ctx.started = true;
      cluster.started(host);
      idle.use(ctx);
      return;
    }
    if (this.mayConnect(ctx, host) || this.evict()) {
      this.connect(ctx, host);
      return;
    }
    this.wait(ctx, host);
  }

  /** As `acquire`, where many requests share a connection. */
  private acquireStream(ctx: RequestContext, host: Host): void {
    const { cluster } = this;
    const connections = (host.pool ??= new HostConnections()) as HostConnections;
    let connection = connections.withRoom();
    if (connection === undefined && (cluster.mayConnect || this.evictQuiet())) connection = this.openHttp2(host, connections);
    if (connection === undefined) {
      this.wait(ctx, host);
      return;
    }
    this.starts(ctx, host);
    connection.request(ctx);
  }

  private openHttp2(host: Host, { http2 }: HostConnections): Http2Upstream {
    this.cluster.connectionOpened();
    const made = new Http2Upstream(this, host);
    http2.push(made);
    return made;
  }

  private starts(ctx: RequestContext, host: Host): void {
    ctx.host = host;
    if (ctx.started) return;
    ctx.started = true;
    this.cluster.started(host);
  }

  /** A try that its connection did not look at goes to another one, or waits for it. */
  again(ctx: RequestContext, host: Host): void {
    this.acquireStream(ctx, host);
  }

  private wait(ctx: RequestContext, host: Host): void {
    const { cluster } = this;
    cluster.stats.cxOverflow++;
    if (!cluster.mayWait) {
      cluster.stats.rqPendingOverflow++;
      this.router.refuse(ctx, ERRORS.overflow);
      return;
    }
    cluster.waitBegan();
    ctx.host = host;
    ctx.waitsForConnection = true;
    this.waiting.push(ctx);
  }

  /** The request went away while it waited. */
  forget(ctx: RequestContext): void {
    const at = this.waiting.indexOf(ctx);
    if (at < 0) return;
    this.waiting.splice(at, 1);
    this.cluster.waitEnded();
    ctx.waitsForConnection = false;
  }

  connect(ctx: RequestContext, host: Host): void {
    const { cluster } = this;
    host.pool ??= new HostConnections();
    ctx.host = host;
    this.starts(ctx, host);
    if (ctx.toHttp2 && !ctx.framing.connect) {
      this.acquireStream(ctx, host);
      return;
    }
    cluster.connectionOpened();
    new UpstreamConnection(this, host).connect(ctx);
  }

  /** Whether there is, or may be made, a connection to `host` with room for a request. */
  private mayConnect(ctx: RequestContext, host: Host): boolean {
    const { cluster } = this;
    if (cluster.mayConnect) return true;
    return !ctx.framing.connect && ctx.toHttp2 && (host.pool as HostConnections | undefined)?.withRoom() !== undefined;
  }

  http2Closed(connection: Http2Upstream): void {
    const { http2 } = connection.host.pool as HostConnections;
    const at = http2.indexOf(connection);
    if (at < 0) return;
    http2.splice(at, 1);
    this.cluster.connectionClosed();
    this.serveWaiting();
  }

  /** A new connection for a try whose own has ended, in its place: whoever waits goes on waiting. */
  replace(ctx: RequestContext, ended: UpstreamConnection): void {
    this.cluster.connectionClosed();
    this.connect(ctx, ended.host);
  }

  /** Closes an idle connection of any host to make room. */
  private evict(): boolean {
    for (const host of this.cluster.hosts()) {
      const oldest = (host.pool as HostConnections | undefined)?.idle.shift();
      if (oldest === undefined) continue;
      oldest.discard();
      return this.cluster.mayConnect;
    }
    return false;
  }

  /** Room for a connection that is no request's, held until `giveUp`; false: max_connections is reached, and nobody waits for such a place. */
  reserve(): boolean {
    const { cluster } = this;
    if (!cluster.mayConnect && !this.evict()) {
      cluster.stats.cxOverflow++;
      return false;
    }
    cluster.connectionOpened();
    return true;
  }

  giveUp(): void {
    this.cluster.connectionClosed();
    this.serveWaiting();
  }

  /** Begins a connection, as the cluster's transport socket has it; with `alpn` in place of what that offers. Where ALPN decides, it offers HTTP/1.1 alone. */
  dial(host: Host, handler: ConnectionHandler, alpn = this.negotiation?.offer('http/1.1')): Connection {
    return this.router.transport.connect(host.address, host.port, handler, this.tls?.to(host.key, alpn));
  }

  /** As `evict`, of a shared connection on which nothing is under way. */
  private evictQuiet(): boolean {
    for (const host of this.cluster.hosts()) {
      const quiet = (host.pool as HostConnections | undefined)?.http2.find(({ active }) => active === 0);
      if (quiet === undefined) continue;
      quiet.retire();
      return this.cluster.mayConnect;
    }
    return false;
  }

  /** A connection has nothing to do. */
  idle(connection: UpstreamConnection): void {
    const { host } = connection;
    const connections = host.pool as HostConnections;
    const limit = this.cluster.config.maxRequestsPerConnection;
    const { expired } = connection;
    if (expired) this.cluster.stats.cxMaxDuration++;
    const spent = expired || (limit > 0 && connection.requests >= limit);
    if (spent || host.removed || connections.draining || this.router.closing || connection.generation !== this.generation) {
      connection.discard();
      return;
    }
    if (this.waiting.length === 0) {
      connection.rest(this.cluster.config.idleTimeout);
      connections.idle.push(connection);
      return;
    }
    const ctx = this.waiting[0];
    // A request that may go to any host goes where there is room; one that belongs to a host gets a connection there.
    const mayGo = ctx.host === host || (ctx.hash === undefined && host.healthy && !(ctx.triedHosts?.includes(host) ?? false));
    if (mayGo && !ctx.framing.connect && !ctx.toHttp2) {
      this.forget(ctx);
      ctx.host = host;
      ctx.started = true;
      this.cluster.started(host);
      connection.use(ctx);
    } else {
      connection.discard();
    }
  }

  forgetIdle(connection: UpstreamConnection): void {
    const { idle } = connection.host.pool as HostConnections;
    const at = idle.indexOf(connection);
    if (at >= 0) idle.splice(at, 1);
  }

  /** A connection has ended: whoever waits gets its place. */
  closed(): void {
    this.cluster.connectionClosed();
    this.serveWaiting();
  }

  serveWaiting(): void {
    const { cluster } = this;
    while (this.waiting.length > 0 && this.mayConnect(this.waiting[0], this.waiting[0].host!)) {
      const ctx = this.waiting[0];
      this.forget(ctx);
      const wanted = ctx.host!;
      const host = wanted.removed || !wanted.healthy ? cluster.pick(ctx.hash, ctx.triedHosts, 0) : wanted;
      if (host === undefined) this.router.refuse(ctx, ERRORS.noHealthyUpstream);
      else this.connect(ctx, host);
    }
  }
}
