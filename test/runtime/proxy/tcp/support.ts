import { VirtualClock } from '../../../../runtime/clock/virtual';
import type { ClusterConfig, FilterChainConfig, InspectConfig, ListenerConfig, ProxySnapshot, TcpProxyConfig } from '../../../../runtime/proxy/config/types';
import type { FilterChain } from '../../../../runtime/proxy/listener/filter-chain';
import type { RequestRecord } from '../../../../runtime/proxy/observe/types';
import { Proxy } from '../../../../runtime/proxy/proxy';
import type { TcpProxy } from '../../../../runtime/proxy/tcp/tcp-proxy';
import { actionConfig, clusterConfig, filterChain, NO_INSPECTION, routeConfig, routeTable, snapshot, tcpConfig } from '../support/config';
import { MemoryConnection, MemoryTransport } from '../support/memory-transport';

export interface Ended {
  readonly flag: string | undefined;
  readonly detail: string;
  readonly tries: number;
  readonly received: number;
  readonly sent: number;
  readonly host: string | undefined;
  readonly duration: number;
  readonly serverName: string | undefined;
}

export interface TcpOptions {
  readonly tcp?: Partial<TcpProxyConfig>;
  /** Instead of one chain of `tcp`. */
  readonly chains?: readonly FilterChainConfig[];
  readonly fallback?: FilterChainConfig;
  readonly inspect?: Partial<InspectConfig>;
  readonly port?: number;
  readonly cluster?: Partial<ClusterConfig>;
  readonly ports?: readonly number[];
  readonly more?: readonly (readonly [ClusterConfig, readonly number[]])[];
}

/** A listener with tcp_proxy on memory and virtual time. */
export class TcpHarness {
  readonly clock = new VirtualClock();
  readonly transport = new MemoryTransport();
  readonly ended: Ended[] = [];
  readonly requests: string[] = [];
  readonly proxy: Proxy;
  /** What chance says next. */
  random = 0.5;

  private constructor() {
    this.proxy = new Proxy({
      clock: this.clock,
      transport: this.transport,
      random: () => this.random,
      observer: {
        requestEnded: ({ path }) => this.requests.push(path),
        connectionEnded: (record: RequestRecord) => this.ended.push({
          flag: record.flag,
          detail: record.detail,
          tries: record.tries,
          received: record.bytesReceived,
          sent: record.bytesSent,
          host: record.upstreamHost?.key,
          duration: record.end - record.start,
          serverName: record.serverName,
        }),
      },
    });
  }

  static async start(options: TcpOptions = {}): Promise<TcpHarness> {
    const harness = new TcpHarness();
    await harness.apply(options);
    return harness;
  }

  async apply(options: TcpOptions): Promise<void> {
    await this.proxy.apply(tcpSnapshot(options));
    this.transport.settle();
  }

  get listener() {
    return this.proxy.listeners.get('ingress')!;
  }

  get stats() {
    return (this.listener.filterChains[0] as FilterChain as TcpProxy).stats;
  }

  get cluster() {
    return this.proxy.clusters.get('payment')!;
  }

  /** A client connects, and sends. */
  client(bytes: string | Buffer = ''): MemoryConnection {
    const client = this.transport.client(this.listener.port);
    if (bytes.length > 0) client.deliver(bytes);
    this.transport.settle();
    return client;
  }

  /** The upstream's end of the session that was made last. */
  get upstream(): MemoryConnection {
    return this.transport.last;
  }

  settle(): void {
    this.transport.settle();
  }

  advance(milliseconds: number): void {
    this.clock.advance(milliseconds);
    this.settle();
  }

  /** What is counted as open or under way, everywhere; all of it is 0 once everybody is gone. */
  get open(): Record<string, number> {
    const { cluster, listener } = this;
    return {
      connections: cluster.connections,
      requests: cluster.activeRequests,
      retries: cluster.activeRetries,
      active: cluster.hosts().reduce((sum, host) => sum + host.active, 0),
      sessions: this.stats.cxActive,
      downstream: listener.stats.cxActive,
      waiting: listener.stats.preCxActive,
      buffered: listener.bufferedBytes,
    };
  }
}

export const NOTHING_OPEN = { connections: 0, requests: 0, retries: 0, active: 0, sessions: 0, downstream: 0, waiting: 0, buffered: 0 };

export function tcpSnapshot({ tcp, chains, fallback, inspect, port = 0, cluster, ports = [9001], more = [] }: TcpOptions): ProxySnapshot {
  const listener: ListenerConfig = {
    name: 'ingress',
    address: '127.0.0.1',
    port,
    direction: 'outbound',
    inspect: { ...NO_INSPECTION, ...inspect },
    filterChains: chains ?? [filterChain('ingress', tcpConfig(tcp))],
    defaultFilterChain: fallback,
  };
  return snapshot(listener, routeTable([routeConfig(actionConfig())]), [[clusterConfig(cluster), ports], ...more]);
}
