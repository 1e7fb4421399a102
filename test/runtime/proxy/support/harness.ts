import { VirtualClock } from '../../../../runtime/clock/virtual';
import type { ClusterConfig, ProxySnapshot, RouteConfig } from '../../../../runtime/proxy/config/types';
import type { HttpConnectionManager } from '../../../../runtime/proxy/listener/http-connection-manager';
import type { Listener } from '../../../../runtime/proxy/listener/listener';
import type { RequestRecord } from '../../../../runtime/proxy/observe/types';
import { Proxy } from '../../../../runtime/proxy/proxy';
import { actionConfig, clusterConfig, listenerConfig, routeConfig, routeTable, snapshot, type ListenerChanges } from './config';
import { MemoryConnection, MemoryTransport } from './memory-transport';

/** A copy of what an observer was told, since the record is used again. */
export interface Seen {
  method: string;
  path: string;
  authority: string;
  status: number;
  flag: string | undefined;
  detail: string;
  tries: number;
  routeName: string;
  requestId: string;
  traceparent: string;
  bytesReceived: number;
  bytesSent: number;
  start: number;
  end: number;
  upstreamFirstByte: number;
  userAgent: string;
  protocol: string | undefined;
  host: string | undefined;
  client: string;
}

export function copyRecord(r: RequestRecord): Seen {
  const { method, path, authority, status, flag, detail, tries, routeName, requestId, traceparent, bytesReceived, bytesSent, start, end } = r;
  const { upstreamFirstByte, userAgent, protocol } = r;
  return {
    method,
    path,
    authority,
    status,
    flag,
    detail,
    tries,
    routeName,
    requestId,
    traceparent,
    bytesReceived,
    bytesSent,
    start,
    end,
    upstreamFirstByte,
    userAgent,
    protocol,
    host: r.upstreamHost?.key,
    client: r.downstreamAddress,
  };
}

export interface HarnessOptions {
  listener?: ListenerChanges;
  routes?: readonly RouteConfig[];
  cluster?: Partial<ClusterConfig>;
  ports?: readonly number[];
}

/** The proxy on memory and virtual time: one listener, one cluster `payment`. */
export class Harness {
  readonly clock = new VirtualClock();
  readonly transport = new MemoryTransport();
  readonly seen: Seen[] = [];
  readonly proxy: Proxy;
  private seed = 1;

  private constructor() {
    this.proxy = new Proxy({
      clock: this.clock,
      transport: this.transport,
      random: () => {
        // Deterministic, and spread well enough for identifiers.
        this.seed = (Math.imul(this.seed, 1_103_515_245) + 12_345) >>> 0;
        return this.seed / 0x1_0000_0000;
      },
      observer: { requestEnded: (record) => this.seen.push(copyRecord(record)) },
    });
  }

  static async start(options: HarnessOptions = {}): Promise<Harness> {
    const harness = new Harness();
    await harness.proxy.apply(harness.snapshot(options));
    return harness;
  }

  snapshot({ listener, routes = [routeConfig(actionConfig())], cluster, ports = [9001] }: HarnessOptions): ProxySnapshot {
    return snapshot(listenerConfig(listener), routeTable(routes), [[clusterConfig(cluster), ports]]);
  }

  get listener() {
    return this.proxy.listeners.get('ingress')!;
  }

  /** The listener's HTTP connection manager. */
  get manager() {
    return managerOf(this.listener);
  }

  get cluster() {
    return this.proxy.clusters.get('payment')!;
  }

  client(): MemoryConnection {
    return this.transport.client(this.listener.port);
  }

  /** A client that has sent `bytes`, when everything that follows from it has happened. */
  send(bytes: string, client = this.client()): MemoryConnection {
    client.deliver(bytes);
    this.transport.settle();
    return client;
  }

  /** The upstream connection that was made last says `bytes`. */
  reply(bytes: string, upstream = this.transport.last): void {
    upstream.deliver(bytes);
    this.transport.settle();
  }

  advance(milliseconds: number): void {
    this.clock.advance(milliseconds);
    this.transport.settle();
  }

  async close(): Promise<void> {
    await this.proxy.close();
  }
}

/** The HTTP connection manager that is the listener's first filter chain. */
export function managerOf(listener: Listener): HttpConnectionManager {
  return listener.filterChains[0] as HttpConnectionManager;
}

export const GET = 'GET / HTTP/1.1\r\nhost: shop\r\n\r\n';
export const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** The parts of an answer that the proxy made. */
export function parseAnswer(text: string): { status: number; headers: Record<string, string>; body: string } {
  const [head, ...rest] = text.split('\r\n\r\n');
  const [line, ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(lines.map((l) => [l.slice(0, l.indexOf(':')).toLowerCase(), l.slice(l.indexOf(':') + 1).trim()]));
  return { status: Number(line.split(' ')[1]), headers, body: rest.join('\r\n\r\n') };
}
