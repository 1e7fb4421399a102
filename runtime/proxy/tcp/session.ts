import type { Subject, VerifiedPeer } from '../authorization/subject';
import type { Cluster, Host, RequestHash, TryOutcome } from '../cluster/types';
import { xxHash64, xxHashResult } from '../cluster/xxhash64';
import { ERRORS, type ProxyError } from '../error';
import { plainAddress } from '../listener/address';
import type { Served } from '../listener/filter-chain';
import type { ClusterPool } from '../router/cluster-pool';
import type { Router } from '../router/router';
import { Deadline, type DeadlineOwner } from '../timer';
import { READ_OFFSET, READ_SIZE, type CloseReason, type Connection, type ConnectionHandler, type Destination } from '../transport';
import { TcpRecord } from './record';
import type { TcpProxy } from './tcp-proxy';
import { UpstreamEnd } from './upstream-end';

const SessionDeadline = { Connect: 0, Idle: 1, Life: 2 } as const;
/** Picks that are made to find a host that was not tried yet. */
const SELECTION_ATTEMPTS = 3;
/** Reads that filled their buffer after which a direction is one of many bytes. */
const FULL_READS = 4;

/**
 * A client's connection and the upstream's that it is joined to. Bytes go on as they come; whoever is slower stops the other; the end of either
 * direction is passed on alone, and the session ends with the second.
 */
export class TcpSession extends TcpRecord implements ConnectionHandler, Served, DeadlineOwner, Subject {
  private pool: ClusterPool | undefined;
  private upstream: UpstreamEnd | undefined;
  private connected = false;
  private tried: Host[] | undefined;
  private hash: RequestHash | undefined;
  private admission = 0;
  /** What the client sent before there was an upstream: what one read brought, as reading stops then. */
  private early: Buffer | undefined;
  private clientEnded = false;
  private upstreamEnded = false;
  private over = false;
  private clientFull = 0;
  private upstreamFull = 0;
  private address: string | undefined;
  private readonly connectDeadline = new Deadline(this, SessionDeadline.Connect);
  private readonly idleDeadline = new Deadline(this, SessionDeadline.Idle);
  private readonly lifeDeadline = new Deadline(this, SessionDeadline.Life);
  private readonly idleTimeout: number;

  constructor(
    private readonly proxy: TcpProxy, private readonly router: Router, private readonly client: Connection, serverName: string,
    readonly destination: Destination | undefined,
  ) {
    super(router.clock.now(), serverName);
    this.idleTimeout = proxy.config.idleTimeout;
    client.handler = this;
  }

  get cluster() { return this.pool?.cluster; }
  get downstreamTls() { return this.client.tls; }
  get downstreamFailure(): string { return this.client.failure?.text ?? ''; }
  get listener(): string { return this.proxy.owner.name; }
  get chain(): string { return this.proxy.chain.key; }
  get downstreamAddress(): string { return `${this.peerAddress}:${this.client.peerPort}`; }
  // What authorization asks of it.
  get peer(): VerifiedPeer | undefined { return this.client.tls?.peer; }
  get destinationPort(): number { return this.proxy.owner.port; }
  get request(): undefined { return undefined; }
  get peerAddress(): string { return (this.address ??= plainAddress(this.client.peerAddress)); }
  get peerPort(): number { return this.client.peerPort; }
  get speaks() { return 'TCP' as const; }
  get underWay(): number { return 1; }
  get owes(): boolean { return true; }

  get bufferedBytes(): number {
    return (this.early?.length ?? 0) + this.client.pendingBytes + (this.upstream?.connection.pendingBytes ?? 0);
  }

  /** Its deadline could not be dealt with. */
  onFault(): void {
    this.destroy();
  }

  holdReading(hold: boolean): void {
    this.client.hold?.(hold);
  }

  /** Picks the cluster and begins to connect. */
  begin(): void {
    const { router, proxy } = this;
    const { maxDuration, hashSourceIp } = proxy.config;
    if (maxDuration > 0) router.deadlines.set(this.lifeDeadline, maxDuration, this.start);
    if (hashSourceIp) {
      xxHash64(this.peerAddress);
      this.hash = { hi: xxHashResult.hi, lo: xxHashResult.lo };
    }
    const denial = proxy.tables.authorizer?.check(this);
    if (denial !== undefined) {
      this.refuse(ERRORS.accessDenied, undefined, denial.detail);
      return;
    }
    const { cluster } = proxy.tables.choose(undefined, router.random);
    const pool = router.clusters.get(cluster);
    if (pool === undefined) {
      proxy.stats.cxNoRoute++;
      this.refuse(ERRORS.noCluster);
      return;
    }
    this.pool = pool;
    pool.users++;
    this.connect(pool);
  }

  private connect(pool: ClusterPool): void {
    const { router } = this;
    const { cluster } = pool;
    const refusal = cluster.admit(this.tries > 0);
    if (refusal !== undefined) {
      this.refuse(refusal === 'circuit_open' ? ERRORS.circuitOpen : ERRORS.overflow);
      return;
    }
    this.admission = cluster.admission;
    this.tries++;
    const host = this.pick(cluster);
    const refused = host === undefined ? ERRORS.noHealthyUpstream : pool.reserve() ? undefined : ERRORS.overflow;
    if (host === undefined || refused !== undefined) {
      this.attempted(undefined, 0, 'cancelled');
      this.refuse(refused!);
      return;
    }
    this.upstreamHost = host;
    cluster.started(host);
    const upstream = this.upstream = new UpstreamEnd(this);
    upstream.connection = pool.dial(host, upstream, this.proxy.config.alpn);
    const { connectTimeout } = cluster.config;
    if (connectTimeout > 0) router.deadlines.set(this.connectDeadline, connectTimeout, router.clock.now());
  }

  /** A cluster of original destinations has no hosts of its own: each session brings the one that it was meant for. */
  private pick(cluster: Cluster): Host | undefined {
    if (cluster.config.discovery !== 'original_dst') return cluster.pick(this.hash, this.tried, SELECTION_ATTEMPTS);
    return this.destination && cluster.hostOf(this.destination.address, this.destination.port);
  }

  /** An attempt to connect has ended. To connect is all that the upstream can do right: what is said then is nobody's to judge. */
  private attempted(host: Host | undefined, status: number, failure: TryOutcome['failure']): void {
    const isRetry = this.tries > 1;
    this.router.deadlines.clear(this.connectDeadline);
    this.cluster!.finished(host, { status, failure, latency: this.router.clock.now() - this.start }, isRetry, this.admission);
  }

  upstreamConnected(): void {
    const { client, early, upstreamHost: host } = this;
    const { connection } = this.upstream!;
    this.upstreamTls = connection.tls;
    this.attempted(host, 200, undefined);
    // An open session is what the balancer counts, as if it were a request under way.
    host!.active++;
    this.connected = true;
    this.touch();
    this.early = undefined;
    const taken = early === undefined || connection.write(early, 0, early.length);
    this.cluster!.stats.cxTxBytes += early?.length ?? 0;
    if (this.clientEnded) connection.shutdown();
    else if (taken) client.readStart();
  }

  private connectFailed(error: ProxyError): void {
    const pool = this.pool!;
    const { stats } = pool.cluster;
    const timedOut = error === ERRORS.connectTimeout;
    if (timedOut) stats.cxConnectTimeout++;
    else stats.cxConnectFail++;
    this.dropUpstream(timedOut ? 'connect_timeout' : 'connect');
    const { maxConnectAttempts } = this.proxy.config;
    if (this.tries < maxConnectAttempts) {
      (this.tried ??= []).push(this.upstreamHost!);
      this.connect(pool);
      return;
    }
    stats.cxConnectAttemptsExceeded++;
    this.refuse(error, maxConnectAttempts > 1 ? 'UF,URX' : 'UF');
  }

  /** Gives the upstream's connection up, whatever it is at. */
  private dropUpstream(failure: TryOutcome['failure']): void {
    const { upstream, pool } = this;
    if (upstream === undefined) return;
    this.upstream = undefined;
    upstream.connection.reset();
    if (this.connected) this.upstreamHost!.active--;
    else this.attempted(this.upstreamHost, 0, failure);
    this.connected = false;
    pool!.giveUp();
  }

  onConnect(): void {}

  onData(length: number): void {
    if (length === READ_SIZE && ++this.clientFull === FULL_READS) this.client.readInBulk?.();
    this.fromClient(this.router.transport.input, READ_OFFSET, READ_OFFSET + length);
  }

  onBulk(length: number): void {
    this.fromClient(this.router.transport.bulk!, 0, length);
  }

  private fromClient(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    const { stats } = this.proxy;
    this.bytesReceived += length;
    stats.bytesReceived += length;
    if (!this.connected) {
      this.keep(bytes.subarray(start, end));
      return;
    }
    this.touch();
    this.cluster!.stats.cxTxBytes += length;
    if (this.upstream!.connection.write(bytes, start, end)) return;
    stats.flowControlPaused++;
    this.client.readStop();
  }

  private keep(bytes: Buffer): void {
    this.early = this.early === undefined ? Buffer.from(bytes) : Buffer.concat([this.early, bytes]);
    this.client.readStop();
  }

  /** `length` bytes are in the transport's input. */
  upstreamData(length: number): void {
    if (length === READ_SIZE && ++this.upstreamFull === FULL_READS) this.upstream!.connection.readInBulk?.();
    this.fromUpstream(this.router.transport.input, READ_OFFSET, READ_OFFSET + length);
  }

  upstreamBulk(length: number): void {
    this.fromUpstream(this.router.transport.bulk!, 0, length);
  }

  private fromUpstream(bytes: Buffer, start: number, end: number): void {
    const { stats } = this.proxy;
    const length = end - start;
    this.touch();
    if (this.upstreamFirstByte === 0) this.upstreamFirstByte = this.router.now;
    this.bytesSent += length;
    stats.bytesSent += length;
    this.cluster!.stats.cxRxBytes += length;
    if (this.client.write(bytes, start, end)) return;
    stats.flowControlPaused++;
    this.upstream!.connection.readStop();
  }

  onDrain(): void {
    this.touch();
    if (!this.finishIfDone() && !this.upstreamEnded) this.upstream?.connection.readStart();
  }

  upstreamDrained(): void {
    this.touch();
    if (!this.finishIfDone() && !this.clientEnded) this.client.readStart();
  }

  onEnd(): void {
    this.clientEnded = true;
    if (!this.connected) return;
    this.upstream!.connection.shutdown();
    this.finishIfDone();
  }

  upstreamEnd(): void {
    this.upstreamEnded = true;
    this.client.shutdown();
    this.finishIfDone();
  }

  /** Both have said all, and all of it went out. */
  private finishIfDone(): boolean {
    if (!this.clientEnded || !this.upstreamEnded) return false;
    const { client, upstream } = this;
    if (client.pendingBytes > 0 || upstream!.connection.pendingBytes > 0) return false;
    upstream!.connection.close();
    client.close();
    this.finish();
    return true;
  }

  onClosed(_reason: CloseReason): void {
    this.flag = 'DC';
    this.detail = ERRORS.clientGone.code;
    this.finish();
  }

  upstreamClosed(reason: CloseReason): void {
    const failure = this.upstream?.connection.failure;
    if (failure !== undefined) this.transportFailure = this.pool!.tlsFailed(this.upstreamHost!, failure);
    if (!this.connected) {
      this.connectFailed(ERRORS.connectFailure);
      return;
    }
    this.flag = reason === 'protocol' ? 'UPE' : 'UC';
    this.detail = 'upstream_remote_reset';
    this.abort();
  }

  onDeadline(kind: number): void {
    switch (kind) {
      case SessionDeadline.Connect:
        this.connectFailed(ERRORS.connectTimeout);
        return;
      case SessionDeadline.Idle:
        this.proxy.stats.cxIdleTimeout++;
        this.flag = 'SI';
        this.detail = 'tcp_session_idle_timeout';
        break;
      default:
        this.proxy.stats.maxDurationReached++;
        this.flag = 'DT';
        this.detail = 'max_downstream_connection_duration';
    }
    this.abort();
  }

  private refuse(error: ProxyError, flag = error.flag, detail = error.code): void {
    this.flag = flag;
    this.detail = detail;
    this.abort();
  }

  /** A session is under way for as long as it is open. */
  drain(): void {}

  destroy(): void {
    this.detail = 'proxy_closed';
    this.abort();
  }

  /** Ends in a way that the client cannot take for the upstream's own end. */
  private abort(): void {
    this.client.reset();
    this.finish();
  }

  private finish(): void {
    if (this.over) return;
    this.over = true;
    const { router, pool } = this;
    const { deadlines } = router;
    this.dropUpstream('cancelled');
    deadlines.clear(this.connectDeadline);
    deadlines.clear(this.idleDeadline);
    deadlines.clear(this.lifeDeadline);
    this.early = undefined;
    this.end = router.clock.now();
    router.observer?.connectionEnded?.(this);
    pool?.release();
    this.proxy.sessionEnded(this);
  }

  private touch(): void {
    const { router, idleTimeout } = this;
    router.now = router.clock.now();
    if (idleTimeout > 0) router.deadlines.set(this.idleDeadline, idleTimeout, router.now);
  }
}
