import type { ListenerConfig } from '../config/types';
import { Http2Downstream } from '../http2/downstream';
import type { Router } from '../router/router';
import type { Connection } from '../transport';
import { authority } from './address';
import { Downstream } from './downstream';
import { ProtocolDetector } from './protocol-detector';
import { ListenerStats } from './stats';
import type { ListenerTables } from './tables';

/** A client's connection, of either protocol. */
interface Served {
  drain(): void;
  destroy(): void;
}

/** One configured listener: its connections, what they are told to do, and what happened at it. Who accepts for it is the proxy's business. */
export class Listener {
  readonly stats = new ListenerStats();
  authority: string;
  /** Answers close their connections. */
  draining = false;
  private readonly connections = new Set<Served>();
  private readonly quiet: (() => void)[] = [];
  private readonly emptied: (() => void)[] = [];

  constructor(public tables: ListenerTables, readonly port: number, private readonly router: Router) {
    this.authority = authority(tables.config.address, port);
  }

  get config(): ListenerConfig {
    return this.tables.config;
  }

  accept(connection: Connection): void {
    const { stats } = this;
    stats.cxTotal++;
    stats.cxActive++;
    const { codec } = this.config;
    if (codec === 'http2') {
      this.connections.add(new Http2Downstream(this, this.router, connection, false));
      return;
    }
    const downstream = new Downstream(this, this.router, connection);
    this.connections.add(downstream);
    connection.handler = codec === 'http1' ? downstream : new ProtocolDetector(this.router.transport, connection, downstream, (length) => {
      this.connections.delete(downstream);
      downstream.leave();
      const http2 = new Http2Downstream(this, this.router, connection, true);
      this.connections.add(http2);
      if (length > 0) http2.onData(length);
    });
  }

  connectionGone(downstream: Served): void {
    if (!this.connections.delete(downstream)) return;
    this.stats.cxActive--;
    this.stats.cxDestroy++;
    this.tellIfQuiet();
    if (this.connections.size === 0) for (const resolve of this.emptied.splice(0)) resolve();
  }

  requestEnded(statusClass: number): void {
    this.stats.rqActive--;
    this.stats.rqByClass[statusClass]++;
    this.tellIfQuiet();
  }

  /** Idle connections close now, the others with their next answer. Resolves when no request is under way. */
  async drain(): Promise<void> {
    this.draining = true;
    for (const downstream of [...this.connections]) downstream.drain();
    if (this.stats.rqActive === 0) return;
    await new Promise<void>((resolve) => this.quiet.push(resolve));
  }

  /** Resolves when it has no connection any more. */
  async empty(): Promise<void> {
    if (this.connections.size === 0) return;
    await new Promise<void>((resolve) => this.emptied.push(resolve));
  }

  private tellIfQuiet(): void {
    if (this.stats.rqActive > 0 || this.quiet.length === 0) return;
    for (const resolve of this.quiet.splice(0)) resolve();
  }

  /** Closes every connection, whatever it is at. */
  destroy(): void {
    for (const downstream of [...this.connections]) downstream.destroy();
    this.tellIfQuiet();
  }
}
