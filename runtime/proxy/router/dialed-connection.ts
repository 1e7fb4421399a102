import type { Host } from '../cluster/types';
import { Deadline, type DeadlineOwner } from '../timer';
import type { CloseReason, Connection, ConnectionHandler } from '../transport';
import type { ClusterPool } from './cluster-pool';
import type { RequestContext } from './request-context';
import type { UpstreamRequest } from './upstream-request';

/** Milliseconds that the last bytes of a tunnel wait for its upstream to take them, where the cluster has no idle timeout. */
const LAST_BYTES_TIME = 60_000;

export const UpstreamDeadline = { Connect: 0, Idle: 1 } as const;

/** A connection to a host and its life: dialed for a request, at rest in the pool, and closed. What is read from it is `UpstreamConnection`'s. */
export abstract class DialedConnection implements ConnectionHandler, DeadlineOwner, UpstreamRequest {
  connection!: Connection;
  /** Requests that were sent on it. */
  requests = 0;
  /** Of the rules that its peer was judged by. */
  readonly generation: number;
  /** The connection is made. */
  ready = false;
  /** When. */
  protected madeAt = 0;
  protected ctx: RequestContext | undefined;
  protected readonly deadline: Deadline;
  protected readonly connectDeadline: Deadline;
  /** The tunnel has ended; what was written to it still goes out. */
  protected finishing = false;

  constructor(protected readonly pool: ClusterPool, readonly host: Host) {
    this.generation = pool.generation;
    this.deadline = new Deadline(this, UpstreamDeadline.Idle);
    this.connectDeadline = new Deadline(this, UpstreamDeadline.Connect);
  }

  connect(ctx: RequestContext): void {
    const { router } = this.pool;
    this.ctx = ctx;
    ctx.connection = this;
    this.connection = this.pool.dial(this.host, this);
    const { connectTimeout } = this.pool.cluster.config;
    if (connectTimeout > 0) router.deadlines.set(this.connectDeadline, connectTimeout, router.clock.now());
  }

  get bufferedBytes(): number {
    return this.connection.pendingBytes;
  }

  /** Rests in the pool, for its idle time and until it is too old. */
  rest(idleTimeout: number): void {
    const { router, cluster: { config: { maxConnectionDuration } } } = this.pool;
    const left = maxConnectionDuration === undefined ? Infinity : Math.max(1, this.madeAt + maxConnectionDuration - router.now);
    const time = Math.min(idleTimeout > 0 ? idleTimeout : Infinity, left);
    if (time < Infinity) router.deadlines.set(this.deadline, time, router.now);
  }

  /** It is as old as it may become. */
  get expired(): boolean {
    const { router, cluster: { config: { maxConnectionDuration } } } = this.pool;
    return maxConnectionDuration !== undefined && router.now - this.madeAt >= maxConnectionDuration;
  }

  /** Closes without a word to anybody: the request, if there is one, is no longer its business. */
  discard(): void {
    this.leave();
    this.connection.close();
    this.pool.closed();
  }

  /** As `discard`, with a reset: the upstream shall stop working on the request at once. */
  abandon(): void {
    this.leave();
    this.connection.reset();
    this.pool.closed();
  }

  protected leave(): void {
    const { deadlines } = this.pool.router;
    if (this.deadline.set) deadlines.clear(this.deadline);
    if (this.connectDeadline.set) deadlines.clear(this.connectDeadline);
    if (this.ctx !== undefined) this.ctx.connection = undefined;
    this.ctx = undefined;
  }

  /** Both directions of the tunnel have ended: what is written goes out, then the connection closes. */
  finishTunnel(): void {
    this.ctx!.connection = undefined;
    this.ctx = undefined;
    this.connection.commit?.();
    if (this.connection.pendingBytes === 0) {
      this.discard();
      return;
    }
    this.finishing = true;
    // Whoever takes none of it must not keep the connection for ever, however long idle ones may stay.
    const { router, cluster } = this.pool;
    router.deadlines.set(this.deadline, cluster.config.idleTimeout || LAST_BYTES_TIME, router.now);
  }

  sendBody(_ctx: RequestContext, bytes: Buffer, start: number, end: number): boolean {
    return this.connection.write(bytes, start, end);
  }

  shutdown(): void {
    this.connection.shutdown();
  }

  /** The tunnel or the body may go on. */
  resume(): void {
    this.connection.readStart();
  }

  abstract onConnect(): void;
  abstract onData(length: number): void;
  abstract onDrain(): void;
  abstract onEnd(): void;
  abstract onClosed(reason: CloseReason): void;
  abstract onDeadline(kind: number): void;
}
