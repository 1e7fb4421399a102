import type { ListenerConfig } from '../config/types';
import type { Router } from '../router/router';
import { TcpProxy } from '../tcp/tcp-proxy';
import type { Connection, Destination } from '../transport';
import { authority, plainAddress } from './address';
import type { ChainOwner, FilterChain, Served } from './filter-chain';
import { matchesAll } from './filter-chain-match';
import { HttpConnectionManager } from './http-connection-manager';
import { Inspector, type InspectedTraits, type InspectionOwner, type Outcome } from './inspector';
import { ListenerStats } from './stats';
import { isHttp, type ChainTables, type ListenerTables } from './tables';

/** What is known of a connection whose first bytes nobody looks at. */
const PLAIN: InspectedTraits = { serverName: '', transportProtocol: 'raw_buffer', applicationProtocols: [] };

/**
 * One configured listener: looks at the first bytes of its connections where its filter chains differ by them, and hands each to its chain. Who accepts
 * for it is the proxy's business.
 */
export class Listener implements ChainOwner, InspectionOwner {
  readonly stats = new ListenerStats();
  readonly authority: string;
  private current!: ListenerTables;
  /** In the order of the matcher's answers. */
  private chains: readonly FilterChain[] = [];
  /** Serves every connection, whatever its first bytes are. */
  private only: FilterChain | undefined;
  private readonly inspectors = new Set<Inspector>();
  private readonly leaving = new Set<FilterChain>();
  private readonly inspectedAll: (() => void)[] = [];
  private draining = false;

  constructor(tables: ListenerTables, readonly port: number, private readonly router: Router) {
    this.authority = authority(tables.config.address, port);
    this.tables = tables;
  }

  get tables(): ListenerTables {
    return this.current;
  }

  /** Chains that stay go on with their connections, those that are gone end with their last request. */
  set tables(tables: ListenerTables) {
    if (tables === this.current) return;
    const before = new Map(this.chains.map((chain) => [chain.chain.key, chain]));
    this.chains = tables.chains.map((compiled) => {
      const known = before.get(compiled.chain.key);
      if (known === undefined || known.config.kind !== compiled.config.kind) return this.makeChain(compiled);
      before.delete(compiled.chain.key);
      known.tables = compiled;
      return known;
    });
    this.current = tables;
    const { filterChains, inspect } = tables.config;
    const sole = tables.config.originalDestination !== true
      && filterChains.length === 1 && matchesAll(filterChains[0].match) && !inspect.tls && !inspect.http;
    this.only = sole ? this.chains[0] : undefined;
    for (const chain of before.values()) this.leave(chain);
  }

  get config(): ListenerConfig {
    return this.current.config;
  }

  get name(): string {
    return this.config.name;
  }

  /** The chains in force, for metrics. */
  get filterChains(): readonly FilterChain[] {
    return this.chains;
  }

  accept(connection: Connection): void {
    const { stats, only } = this;
    stats.cxTotal++;
    stats.cxActive++;
    if (only !== undefined) {
      only.accept(connection);
      return;
    }
    const { inspect, originalDestination } = this.config;
    const destination = originalDestination === true ? this.redirected(connection) : undefined;
    // A server that speaks first would wait for what its client never says.
    const certain = destination !== undefined && this.current.certain(destination.port, destination.address) !== undefined;
    if (certain || (!inspect.tls && !inspect.http)) {
      this.choose(connection, PLAIN, destination);
      return;
    }
    stats.preCxActive++;
    this.inspectors.add(new Inspector(this, this.router, connection, inspect, destination));
  }

  /** Where a redirected connection was meant to go. Whoever dialed the listener itself was meant to come here: nothing is passed on to it, or it would be for ever. */
  private redirected(connection: Connection): Destination | undefined {
    const destination = connection.originalDestination?.();
    if (destination === undefined) return undefined;
    return destination.port === this.port && destination.address === plainAddress(connection.localAddress ?? '') ? undefined : destination;
  }

  /** Gives the connection to the chain that matches; false: none does. */
  private choose(connection: Connection, traits: InspectedTraits, destination: Destination | undefined): boolean {
    const { serverName, transportProtocol, applicationProtocols } = traits;
    const index = this.current.matcher({
      destinationPort: destination?.port ?? this.port, destinationAddress: destination?.address ?? this.config.address,
      serverName, transportProtocol, applicationProtocols,
    });
    if (index >= 0) {
      this.chains[index].accept(connection, serverName, destination);
      return true;
    }
    this.stats.noFilterChainMatch++;
    connection.reset();
    this.connectionGone();
    return false;
  }

  inspected(inspector: Inspector, traits: InspectedTraits, outcome: Outcome): boolean {
    const { stats } = this;
    if (outcome === 'tls') stats.foundTls++;
    else if (outcome === 'http') stats.foundHttp++;
    else stats.foundOther++;
    const served = this.choose(inspector.connection, traits, inspector.destination);
    this.forget(inspector);
    return served;
  }

  inspectionTimedOut(): void {
    this.stats.preCxTimeout++;
  }

  inspectionEnded(inspector: Inspector): void {
    this.connectionGone();
    this.forget(inspector);
  }

  private forget(inspector: Inspector): void {
    if (!this.inspectors.delete(inspector)) return;
    this.stats.preCxActive--;
    if (this.inspectors.size === 0) for (const resolve of this.inspectedAll.splice(0)) resolve();
  }

  connectionGone(): void {
    this.stats.cxActive--;
    this.stats.cxDestroy++;
  }

  /** Idle connections close now, the others with what is under way. Resolves when nothing is. */
  async drain(): Promise<void> {
    this.draining = true;
    await Promise.all([...this.chains, ...this.leaving].map(async (chain) => chain.drain()));
  }

  /** Resolves when it has no connection any more. */
  async empty(): Promise<void> {
    // A chain gets them before the last of them is forgotten here.
    if (this.inspectors.size > 0) await new Promise<void>((resolve) => this.inspectedAll.push(resolve));
    await Promise.all([...this.chains, ...this.leaving].map(async (chain) => chain.empty()));
  }

  /** Its connections that are served, and those whose first bytes are looked at. */
  *connections(): Generator<Served | Inspector> {
    yield* this.inspectors;
    for (const chain of [...this.chains, ...this.leaving]) yield* chain.served;
  }

  /** Bytes of messages that wait in it, those of its upstreams included. */
  get bufferedBytes(): number {
    return [...this.inspectors, ...this.chains, ...this.leaving].reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0);
  }

  /** Reads nothing from clients, or goes on. */
  holdReading(hold: boolean): void {
    for (const holder of [...this.inspectors, ...this.chains, ...this.leaving]) holder.holdReading(hold);
  }

  /** Closes every connection, whatever it is at. */
  destroy(): void {
    for (const inspector of [...this.inspectors]) {
      inspector.destroy();
      this.inspectionEnded(inspector);
    }
    for (const chain of [...this.chains, ...this.leaving]) chain.destroy();
  }

  private makeChain(tables: ChainTables): FilterChain {
    const chain = isHttp(tables) ? new HttpConnectionManager(tables, this, this.router) : new TcpProxy(tables, this, this.router);
    chain.draining = this.draining;
    return chain;
  }

  private leave(chain: FilterChain): void {
    this.leaving.add(chain);
    // A connection may outlive its last request by what the client has not read yet.
    void chain.drain().then(async () => chain.empty()).then(() => this.leaving.delete(chain));
  }
}
