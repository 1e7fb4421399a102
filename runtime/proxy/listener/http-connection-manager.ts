import { Http2Downstream } from '../http2/downstream';
import type { Router } from '../router/router';
import type { Connection, Destination } from '../transport';
import { Downstream } from './downstream';
import { FilterChain, type ChainOwner, type Served } from './filter-chain';
import { ProtocolDetector } from './protocol-detector';
import { HttpStats } from './stats';
import type { HttpTables } from './tables';

/** A filter chain that serves HTTP. */
export class HttpConnectionManager extends FilterChain<HttpTables> {
  readonly stats = new HttpStats();

  constructor(tables: HttpTables, owner: ChainOwner, private readonly router: Router) {
    super(tables, owner);
  }

  get listenerName(): string {
    return this.owner.name;
  }

  get authority(): string {
    return this.owner.authority;
  }

  protected get active(): number {
    return this.stats.rqActive;
  }

  protected serve(connection: Connection, protocol: string | undefined, _serverName: string, destination: Destination | undefined): void {
    const { stats } = this;
    stats.cxTotal++;
    stats.cxActive++;
    const { codec } = this.config;
    if (codec === 'http2' || (codec === 'auto' && protocol === 'h2')) {
      this.connections.add(new Http2Downstream(this, this.router, connection, false, destination));
      return;
    }
    const downstream = new Downstream(this, this.router, connection, destination);
    this.connections.add(downstream);
    connection.handler = codec === 'http1' ? downstream : new ProtocolDetector(this.router.transport, connection, downstream, (prefaceRead) => {
      this.connections.delete(downstream);
      downstream.leave();
      const http2 = new Http2Downstream(this, this.router, connection, prefaceRead, destination);
      this.connections.add(http2);
      return http2;
    });
  }

  connectionGone(downstream: Served): void {
    if (!this.forget(downstream)) return;
    this.stats.cxActive--;
    this.stats.cxDestroy++;
    this.tellIfQuiet();
  }

  requestEnded(statusClass: number): void {
    this.stats.rqActive--;
    this.stats.rqByClass[statusClass]++;
    this.tellIfQuiet();
  }
}
