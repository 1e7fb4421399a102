import type { ListenerConfig } from '../config/types';
import type { Router } from '../router/router';
import type { Connection } from '../transport';
import { authority } from './address';
import { Downstream } from './downstream';
import type { DownstreamConnection } from './downstream-connection';
import { ListenerStats } from './stats';
import type { ListenerTables } from './tables';

/** One configured listener: its connections, what they are told to do, and what happened at it. Who accepts for it is the proxy's business. */
export class Listener {
  readonly stats = new ListenerStats();
  authority: string;
  /** Answers close their connections. */
  draining = false;
  private readonly connections = new Set<Downstream>();
  private readonly quiet: (() => void)[] = [];

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
    const downstream = new Downstream(this, this.router, connection);
    connection.handler = downstream;
    this.connections.add(downstream);
  }

  connectionGone(downstream: DownstreamConnection): void {
    if (!this.connections.delete(downstream as Downstream)) return;
    this.stats.cxActive--;
    this.stats.cxDestroy++;
    this.tellIfQuiet();
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
