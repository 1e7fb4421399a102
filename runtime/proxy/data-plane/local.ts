import { getHeapStatistics } from 'node:v8';
import type { Clock } from '../../clock';
import type { SharedClusters } from '../cluster/shared';
import type { ListenerConfig, ProxySnapshot } from '../config/types';
import { Families } from '../observe/families';
import type { LineSink } from '../observe/line-writer';
import { Faults } from '../observe/faults';
import type { Log } from '../observe/log';
import { collectTraffic } from '../observe/metrics';
import { RequestObserver } from '../observe/request-observer';
import { OverloadManager } from '../overload/manager';
import { collectOverload } from '../overload/metrics';
import type { OverloadConfig } from '../overload/types';
import { Proxy, type PreparedSnapshot } from '../proxy';
import type { Transport } from '../transport';
import { viewOf } from './report';
import type { BoundListener, DataPlane, DataPlaneReport } from './types';

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
    this.proxy = new Proxy({
      clock, transport, random, observer: this.observer, shared, onFault: (place, error) => this.faults.record(place, error),
    });
    this.overload = overload && new OverloadManager(overload, clock, {
      heapBytes: () => {
        const { used_heap_size: used, external_memory: external } = getHeapStatistics();
        return used + external;
      },
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
    collectOverload({ overload, bufferedBytes: proxy.bufferedBytes }, families);
    return { families: families.toData(), clusters: [...proxy.clusters.values()].map(viewOf), problems: [...observer.problems()] };
  }

  async report(): Promise<DataPlaneReport> {
    return this.reportNow();
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
