import { getHeapStatistics } from 'node:v8';
import type { Clock } from '../../clock';
import type { SharedClusters } from '../cluster/shared';
import type { ListenerConfig, ProxySnapshot } from '../config/types';
import { Families } from '../observe/families';
import { Faults } from '../observe/faults';
import type { LineSink } from '../observe/line-writer';
import type { Log } from '../observe/log';
import { collectTraffic } from '../observe/metrics';
import { RequestObserver } from '../observe/request-observer';
import { collectTls } from '../observe/tls-metrics';
import { OverloadManager } from '../overload/manager';
import { collectOverload } from '../overload/metrics';
import type { OverloadConfig } from '../overload/types';
import { Proxy, type PreparedSnapshot } from '../proxy';
import { FailureLog } from '../tls/failures';
import type { Transport } from '../transport';
import { connectionsOf, mostBuffered, viewOf } from './report';
import type { BoundListener, ConnectionView, DataPlane, DataPlaneReport } from './types';

export interface LocalDependencies {
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly transport: Transport;
  readonly log?: Log;
  /** Undefined: overload is not looked for. */
  readonly overload: OverloadConfig | undefined;
  /** What it shares with other workers of the pod; undefined: it is alone. */
  readonly shared?: SharedClusters;
  /** As of `Proxy`. */
  readonly ticketSecret?: Uint8Array;
  /** Takes the lines of an access log; a writer of its own by default. */
  readonly openLog?: (path: string) => LineSink;
  /** Bytes that are buffered in the whole pod, where there are other workers; `own` are those in here. */
  readonly bufferedInPod?: (own: number) => number;
}

/** The data plane in this thread: a proxy, what it observes, and what it does against overload. */
export class LocalDataPlane implements DataPlane {
  readonly proxy: Proxy;
  readonly overload: OverloadManager | undefined;
  readonly faults: Faults;
  private readonly observer: RequestObserver;
  private inForce: readonly ListenerConfig[] = [];

  constructor(deps: LocalDependencies) {
    const { clock, random, transport, overload, shared, openLog, log } = deps;
    this.faults = new Faults(clock, log);
    this.observer = new RequestObserver(clock, random, openLog);
    const failures = log && new FailureLog(log, clock);
    this.proxy = new Proxy({
      clock, transport, random, observer: this.observer, shared, ticketSecret: deps.ticketSecret,
      onHandshakeFailure: failures && ((failure) => failures.write(failure)),
      onTlsDegraded: (reason) => log?.warning('transport', 'raw TLS failed its self-test; node:tls serves', { reason }),
      onFault: (place, error) => this.faults.record(place, error),
    });
    this.overload = overload && new OverloadManager(overload, clock, {
      heapBytes,
      bufferedBytes: () => deps.bufferedInPod?.(this.proxy.bufferedBytes) ?? this.proxy.bufferedBytes,
      stopReading: (stop) => { this.proxy.holdReading(stop); },
      shed: (shed) => { this.proxy.router.shedding = shed; },
    });
    this.overload?.start();
  }

  async apply(snapshot: ProxySnapshot): Promise<void> {
    (await this.prepare(snapshot)).commit();
  }

  /** As `Proxy.prepare`. */
  async prepare(snapshot: ProxySnapshot, ports?: ReadonlyMap<string, number>): Promise<PreparedSnapshot> {
    const next = [...snapshot.listeners.values()];
    // Listeners that leave still end requests.
    this.observer.configure([...this.inForce, ...next]);
    const prepared = await this.proxy.prepare(snapshot, ports);
    return {
      ...prepared,
      commit: () => {
        prepared.commit();
        this.inForce = next;
      },
    };
  }

  get listeners(): readonly BoundListener[] {
    return [...this.proxy.listeners.values()].map(({ config: { name, address }, port }) => ({ name, address, port }));
  }

  /** As `report`, now. */
  reportNow(): DataPlaneReport {
    const { proxy, observer, overload } = this;
    const families = new Families();
    collectTraffic({ clusters: proxy.clusters.values(), listeners: proxy.listeners.values() }, observer, families);
    this.faults.collect(families);
    collectTls({
      listeners: [...proxy.listeners.values()].flatMap(({ config }) => {
        const stats = proxy.tls.ofListener(config);
        return stats === undefined ? [] : [[`${config.address}_${config.port}`, stats] as const];
      }),
      clusters: [...proxy.clusters].flatMap(([name, { config }]) => {
        const stats = proxy.tls.ofCluster(name);
        return stats === undefined ? [] : [[config.statName, stats] as const];
      }),
    }, families);
    collectOverload({ overload, bufferedBytes: proxy.bufferedBytes, mostBuffered: mostBuffered(proxy) }, families);
    families.gauge('meshwright_deadlines_pending', 'Timeouts of requests and connections that are set', 'deadlines_pending').add({}, proxy.router.deadlines.pending);
    let connections = 0;
    for (const { stats } of proxy.listeners.values()) connections += stats.cxActive;
    return {
      families: families.toData(),
      clusters: [...proxy.clusters.values()].map(viewOf),
      connections,
      heapBytes: heapBytes(),
      problems: [...observer.problems()],
    };
  }

  async report(): Promise<DataPlaneReport> {
    return this.reportNow();
  }

  /** As `connections`, now. */
  connectionsNow(): readonly ConnectionView[] {
    return connectionsOf(this.proxy);
  }

  async connections(): Promise<readonly ConnectionView[]> {
    return this.connectionsNow();
  }

  reopenLogs(): void {
    this.observer.reopen();
  }

  async drain(deadline: number): Promise<void> {
    await this.proxy.drain(deadline);
  }

  async close(): Promise<void> {
    this.overload?.close();
    await this.proxy.close();
    await this.observer.close();
  }
}

/** Of this thread: in use, and what is held outside. */
function heapBytes(): number {
  const { used_heap_size: used, external_memory: external } = getHeapStatistics();
  return used + external;
}
