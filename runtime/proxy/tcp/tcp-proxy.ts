import { FilterChain, type ChainOwner, type Served } from '../listener/filter-chain';
import { TcpStats } from '../listener/stats';
import type { TcpTables } from '../listener/tables';
import type { Router } from '../router/router';
import type { Connection, Destination } from '../transport';
import { TcpSession } from './session';

/** A filter chain that passes bytes on, as envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy: each connection is a session with one upstream. */
export class TcpProxy extends FilterChain<TcpTables> {
  readonly stats = new TcpStats();

  constructor(tables: TcpTables, owner: ChainOwner, private readonly router: Router) {
    super(tables, owner);
  }

  protected get active(): number {
    return this.connections.size;
  }

  protected serve(connection: Connection, _protocol: string | undefined, serverName: string, destination: Destination | undefined): void {
    this.stats.cxTotal++;
    this.stats.cxActive++;
    const session = new TcpSession(this, this.router, connection, serverName, destination);
    this.connections.add(session);
    session.begin();
  }

  sessionEnded(session: Served): void {
    if (!this.forget(session)) return;
    this.stats.cxActive--;
    this.stats.cxDestroy++;
    this.tellIfQuiet();
  }
}
