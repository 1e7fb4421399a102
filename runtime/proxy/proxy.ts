import type { Clock } from '../clock';
import { createCluster, type Cluster } from './cluster';
import type { SharedClusters } from './cluster/shared';
import type { ClusterEndpoints, ListenerConfig, ProxySnapshot, RouteTableConfig } from './config/types';
import { JwtFilter, KeyStore } from './filter/jwt';
import { ListenError } from './listen-error';
import { compileListener, type ListenerDependencies } from './listener/compile';
import { Listener } from './listener/listener';
import { isHttp, type ListenerTables } from './listener/tables';
import type { Observer } from './observe/types';
import { compileRouteTable, type RouteTable } from './route';
import { ClusterPool } from './router/cluster-pool';
import { fetchFrom } from './router/fetch';
import { Router } from './router/router';
import type { ClientTlsContext } from './tls/client';
import { TlsContexts } from './tls/contexts';
import type { HandshakeFailure } from './tls/failures';
import type { Acceptor, Connection, Transport } from './transport';

export interface ProxyDependencies {
  readonly clock: Clock;
  readonly transport: Transport;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly observer?: Observer;
  /** Told of exceptions, which end the connection or request that they came from, and nothing else. Without it they are thrown on. */
  readonly onFault?: (place: 'connection' | 'deadline', error: unknown) => void;
  /**
   * What it has in common with other workers of its pod: limits and their state. They listen at the same addresses, and the system shares connections
   * out among them (SO_REUSEPORT). Undefined: it is alone.
   */
  readonly shared?: SharedClusters;
  /** What keys of TLS session tickets are derived from; the same in all workers of a pod. Undefined: one of its own. */
  readonly ticketSecret?: Uint8Array;
  /** Told of every TLS connection that did not come about. */
  readonly onHandshakeFailure?: (failure: HandshakeFailure) => void;
  /** Told why `node:tls` stands in for the runtime's own handles. */
  readonly onTlsDegraded?: (reason: string) => void;
  /** Runs soon, when no bytes are being read; setImmediate by default. */
  readonly defer?: (run: () => void) => void;
}

/** A bound address and the listener that its connections belong to. */
interface Binding {
  readonly key: string;
  readonly acceptor: Acceptor;
  /** Undefined until the snapshot that asked for the address is in force: connections wait in `early`. */
  listener: Listener | undefined;
  readonly early: Connection[];
}

interface ListenerEntry {
  readonly listener: Listener;
  readonly binding: Binding;
}

interface ClusterEntry {
  readonly pool: ClusterPool;
  endpoints: ClusterEndpoints | undefined;
}

/** A snapshot that is compiled, and whose addresses are bound. */
export interface PreparedSnapshot {
  /** What each listener is bound to. */
  readonly ports: ReadonlyMap<string, number>;
  /** Puts it in force. */
  commit(): void;
  /** Gives up what was bound for it. */
  abort(): Promise<void>;
}

const keyOf = (config: ListenerConfig): string => `${config.address} ${config.port}`;

/**
 * The data plane: takes whole snapshots and serves them. A snapshot is in force from one moment to the next; requests under way keep the route,
 * the filters and the cluster that they began with. Nothing is dropped by a change: addresses are bound before the snapshot is in force and given
 * up after, clusters and listeners that left end with their last request.
 */
export class Proxy {
  readonly router: Router;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly transport: Transport;
  private readonly listenerEntries = new Map<string, ListenerEntry>();
  private clusterEntries = new Map<string, ClusterEntry>();
  private routeTables = new Map<RouteTableConfig, RouteTable>();
  private readonly leaving = new Set<Listener>();
  private applying: Promise<void> = Promise.resolve();
  private closed = false;
  private held = false;
  private readonly shared: SharedClusters | undefined;
  readonly tls: TlsContexts;
  private readonly keys: KeyStore;

  constructor({ clock, transport, random, observer, shared, defer, onFault, ...deps }: ProxyDependencies) {
    this.shared = shared;
    this.clock = clock;
    this.random = random;
    this.transport = transport;
    this.router = new Router({ clock, random, transport, observer, defer, onFault: onFault && ((error) => onFault('deadline', error)) });
    this.tls = new TlsContexts({
      clock, transport, deadlines: this.router.deadlines, ticketSecret: deps.ticketSecret,
      failed: (failure) => deps.onHandshakeFailure?.(failure),
      degraded: (reason) => deps.onTlsDegraded?.(reason),
    });
    this.keys = new KeyStore({
      clock, random,
      fetch: (from, done) => fetchFrom(this.router, from, done),
      keepFor: (cluster) => this.router.clusters.get(cluster)?.cluster.config.keysKeptFor,
    });
    if (onFault !== undefined) {
      transport.onFault = (error) => {
        // Whoever was reading is not any more.
        this.router.reading = false;
        onFault('connection', error);
      };
    }
  }

  /** The listeners in force, for admin pages and metrics. */
  get listeners(): ReadonlyMap<string, Listener> {
    return new Map([...this.listenerEntries].map(([name, { listener }]) => [name, listener]));
  }

  get clusters(): ReadonlyMap<string, Cluster> {
    return new Map([...this.clusterEntries].map(([name, { pool }]) => [name, pool.cluster]));
  }

  /**
   * Puts a snapshot in force, after those that came before; resolves when it is. Rejects with an AggregateError of all addresses that cannot be
   * bound; the snapshot before stays in force then.
   */
  async apply(snapshot: ProxySnapshot): Promise<void> {
    (await this.prepare(snapshot)).commit();
  }

  /**
   * The first half of `apply`: compiles and binds, and changes nothing that is in force. Whoever has several proxies commits once all of them are
   * prepared. One snapshot is under way at a time: the next `prepare` waits until this one is committed or aborted.
   *
   * @param ports for listeners of port 0: what another proxy that shares its addresses with this one is bound to.
   */
  async prepare(snapshot: ProxySnapshot, ports?: ReadonlyMap<string, number>): Promise<PreparedSnapshot> {
    let settle!: () => void;
    const before = this.applying;
    this.applying = new Promise<void>((resolve) => { settle = resolve; });
    try {
      await before;
      return await this.prepareNow(snapshot, settle, ports);
    } catch (error) {
      settle();
      throw error;
    }
  }

  private async prepareNow(snapshot: ProxySnapshot, settle: () => void, ports?: ReadonlyMap<string, number>): Promise<PreparedSnapshot> {
    if (this.closed) throw new Error('the proxy is closed');
    await this.tls.ready(snapshot);
    // Compiled first: what does not compile leaves everything as it is.
    const routeTables = this.compileRoutes(snapshot);
    const { clock, random, shared, keys } = this;
    const { secrets } = snapshot;
    const dependencies: ListenerDependencies = {
      clock, random, shared, keys,
      routes: (name) => routeTables.get(snapshot.routes.get(name)!),
      transportSocket: (key, config) => this.tls.server(key, config, secrets),
    };
    const clients = this.compileClients(snapshot);
    const tables = new Map([...snapshot.listeners].map(([name, config]) =>
      [name, compileListener(config, dependencies, this.listenerEntries.get(name)?.listener.tables)]));
    const { bindings, made } = await this.bind(snapshot, ports);
    return {
      ports: new Map([...bindings].map(([name, { acceptor }]) => [name, acceptor.port])),
      commit: () => {
        try {
          this.routeTables = routeTables;
          const removedClusters = this.applyClusters(snapshot, clients);
          this.applyListeners(tables, bindings);
          this.tls.keep(snapshot);
          this.keys.retain(keysUsedBy([...tables.values()]));
          for (const pool of removedClusters) pool.retire();
        } finally {
          settle();
        }
      },
      abort: async () => {
        await giveUp(made);
        settle();
      },
    };
  }

  /** The TLS of clusters that have one. */
  private compileClients({ clusters, secrets }: ProxySnapshot): ReadonlyMap<string, ClientTlsContext> {
    return new Map([...clusters].flatMap(([name, { transportSocket }]): [string, ClientTlsContext][] =>
      (transportSocket === undefined ? [] : [[name, this.tls.client(name, transportSocket, secrets)]])));
  }

  private compileRoutes(snapshot: ProxySnapshot): Map<RouteTableConfig, RouteTable> {
    return new Map([...snapshot.routes.values()].map((config) =>
      [config, this.routeTables.get(config) ?? compileRouteTable(config, { random: this.random })]));
  }

  /** An address that is bound already is kept, also where another listener has it now. */
  private async bind(
    snapshot: ProxySnapshot, ports?: ReadonlyMap<string, number>,
  ): Promise<{ bindings: Map<string, Binding>; made: readonly Binding[] }> {
    const present = new Map([...this.listenerEntries.values()].map(({ binding }) => [binding.key, binding]));
    const errors: Error[] = [];
    const made: Binding[] = [];
    const found = new Map<string, Binding>();
    const claimed = new Map<string, string>();
    await Promise.all([...snapshot.listeners.values()].map(async (config) => {
      const key = keyOf(config);
      const other = config.port === 0 ? undefined : claimed.get(key);
      if (other !== undefined) {
        errors.push(new Error(`listener ${config.name}: ${config.address}:${config.port} belongs to listener ${other} in the same snapshot; give it another port`));
        return;
      }
      claimed.set(key, config.name);
      // Port 0 is another port for each listener, and the same as long as it stays.
      const own = this.listenerEntries.get(config.name)?.binding;
      const kept = own?.key === key ? own : config.port === 0 ? undefined : present.get(key);
      if (kept !== undefined) {
        found.set(config.name, kept);
        return;
      }
      try {
        const binding = await this.listen(key, config, config.port === 0 ? ports?.get(config.name) ?? 0 : config.port);
        made.push(binding);
        found.set(config.name, binding);
      } catch (error) {
        const message = `listener ${config.name}: cannot listen on ${config.address}:${config.port}: ${(error as Error).message}`;
        errors.push(new ListenError(config.name, message, { cause: error }));
      }
    }));
    if (errors.length === 0) return { bindings: found, made };
    await giveUp(made);
    throw new AggregateError(errors, errors.map(({ message }) => message).join('\n'));
  }

  private async listen(key: string, config: ListenerConfig, port: number): Promise<Binding> {
    const early: Connection[] = [];
    let binding: Binding | undefined;
    const acceptor = await this.transport.listen({ address: config.address, port, reusePort: this.shared !== undefined }, (connection) => {
      if (binding?.listener !== undefined) {
        if (this.held) connection.hold?.(true);
        binding.listener.accept(connection);
      } else {
        connection.handler = EARLY;
        early.push(connection);
        connection.readStop();
      }
    });
    binding = { key, acceptor, listener: undefined, early };
    return binding;
  }

  /** Returns the pools of clusters that left. */
  private applyClusters(snapshot: ProxySnapshot, clients: ReadonlyMap<string, ClientTlsContext>): ClusterPool[] {
    const entries = new Map<string, ClusterEntry>();
    for (const [name, config] of snapshot.clusters) {
      let entry = this.clusterEntries.get(name);
      if (entry === undefined) {
        const cluster = createCluster(config, { clock: this.clock, random: this.random, shared: this.shared });
        entry = { pool: new ClusterPool(cluster, this.router, this.tls), endpoints: undefined };
      } else if (entry.pool.cluster.config !== config) {
        entry.pool.cluster.reconfigure(config);
      }
      entry.pool.setTls(clients.get(name), config.transportSocket);
      const endpoints = snapshot.endpoints.get(name);
      if (endpoints !== undefined && endpoints !== entry.endpoints) {
        entry.endpoints = endpoints;
        entry.pool.cluster.update(endpoints);
        entry.pool.hostsChanged();
      }
      entry.pool.checkHealth();
      entries.set(name, entry);
    }
    const removed = [...this.clusterEntries].filter(([name]) => !entries.has(name)).map(([, { pool }]) => pool);
    this.clusterEntries = entries;
    this.router.clusters = new Map([...entries].map(([name, { pool }]) => [name, pool]));
    return removed;
  }

  private applyListeners(tables: Map<string, ListenerTables>, bindings: Map<string, Binding>): void {
    const before = new Map(this.listenerEntries);
    this.listenerEntries.clear();
    for (const [name, compiled] of tables) {
      const binding = bindings.get(name)!;
      const old = before.get(name);
      // The same listener at the same address goes on, with its connections; at another it begins anew and the old one drains.
      const listener = old?.binding === binding ? old.listener : new Listener(compiled, binding.acceptor.port, this.router);
      listener.tables = compiled;
      if (old?.binding === binding) before.delete(name);
      binding.listener = listener;
      this.listenerEntries.set(name, { listener, binding });
      for (const connection of binding.early.splice(0)) {
        if (connection.closed) continue;
        listener.accept(connection);
        connection.readStart();
      }
    }
    const inUse = new Set(bindings.values());
    for (const { listener, binding } of before.values()) {
      if (!inUse.has(binding)) void binding.acceptor.close();
      this.leave(listener);
    }
  }

  private leave(listener: Listener): void {
    this.leaving.add(listener);
    // A connection may outlive its last request by what the client has not read yet.
    void listener.drain().then(async () => listener.empty()).then(() => this.leaving.delete(listener));
  }

  /** Listeners that are in force, and those that end with what they have under way. */
  get allListeners(): Iterable<Listener> {
    return [...[...this.listenerEntries.values()].map(({ listener }) => listener), ...this.leaving];
  }

  get pools(): Iterable<ClusterPool> {
    return [...this.clusterEntries.values()].map(({ pool }) => pool);
  }

  /** Bytes of messages that wait in it: what is read and not sent yet, and what is kept to be sent again. */
  get bufferedBytes(): number {
    let bytes = 0;
    for (const listener of this.allListeners) bytes += listener.bufferedBytes;
    for (const pool of this.pools) bytes += pool.pendingBytes;
    for (const copy of this.router.copies) bytes += copy.bufferedBytes;
    return bytes;
  }

  /** Reads nothing from clients, or goes on; connections that come meanwhile wait, too. */
  holdReading(hold: boolean): void {
    this.held = hold;
    for (const listener of this.allListeners) listener.holdReading(hold);
  }

  /**
   * Prepares the end: every answer closes its connection, idle connections close, new ones are still served, so that callers who have not heard yet
   * lose nothing. Resolves when no request is under way, or after `deadline` milliseconds.
   */
  async drain(deadline: number): Promise<void> {
    const listeners = [...this.allListeners];
    await new Promise<void>((resolve) => {
      const timer = this.clock.setTimer(deadline, resolve);
      void Promise.all(listeners.map(async (listener) => listener.drain())).then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Gives up every address and connection now. */
  async close(): Promise<void> {
    await this.applying;
    if (this.closed) return;
    this.closed = true;
    this.router.closing = true;
    const entries = [...this.listenerEntries.values()];
    const closing = entries.map(async ({ binding }) => binding.acceptor.close());
    for (const { listener } of entries) listener.destroy();
    for (const listener of this.leaving) listener.destroy();
    for (const copy of [...this.router.copies]) this.router.cancel(copy);
    for (const { pool } of this.clusterEntries.values()) pool.retire();
    this.keys.retain(new Set());
    this.router.deadlines.close();
    await Promise.all(closing);
  }
}

/** Keys of tokens that filters in force need. */
function keysUsedBy(tables: readonly ListenerTables[]): Set<JwtFilter['remoteKeys'][number]> {
  const filters = tables.flatMap(({ chains }) => chains.flatMap((chain) => (isHttp(chain) ? chain.filters : [])));
  return new Set(filters.flatMap((filter) => (filter instanceof JwtFilter ? filter.remoteKeys : [])));
}

async function giveUp(bindings: readonly Binding[]): Promise<void> {
  for (const { acceptor, early } of bindings) {
    for (const connection of early) connection.close();
    await acceptor.close();
  }
}

/** A connection that came before the snapshot was in force: nothing is read of it yet. */
const EARLY = { onConnect() {}, onData() {}, onEnd() {}, onDrain() {}, onClosed() {} };
