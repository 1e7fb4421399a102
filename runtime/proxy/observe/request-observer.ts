import type { Clock } from '../../clock';
import type { Cluster } from '../cluster/types';
import { allChains, type FilterChainConfig, type ListenerConfig } from '../config/types';
import type { ResponseFlag } from '../error';
import { compileFormat, DEFAULT_FORMAT, type FormatLine } from './access-log';
import { compileFilter, type IsLogged } from './access-log-filter';
import { Histogram } from './histogram';
import { LineBuffer } from './line-buffer';
import { LineWriter, type LineSink } from './line-writer';
import { DEFAULT_TCP_FORMAT } from './tcp-format';
import type { Observer, RequestRecord } from './types';

const FIRST_STATUS = 100;
const LAST_STATUS = 599;

/** What is counted of the requests of one cluster or filter chain beyond what these count themselves. */
export class RequestCounts {
  /** Milliseconds from the request's start to its end. */
  readonly time = new Histogram();
  /** By status from 100 to 599. */
  readonly byStatus = new Float64Array(LAST_STATUS - FIRST_STATUS + 1);
  readonly byFlag = new Map<ResponseFlag, number>();

  count({ start, end, status, flag }: RequestRecord): void {
    this.time.record(end - start);
    if (status >= FIRST_STATUS && status <= LAST_STATUS) this.byStatus[status - FIRST_STATUS]++;
    if (flag !== undefined) this.byFlag.set(flag, (this.byFlag.get(flag) ?? 0) + 1);
  }

  *statuses(): Generator<[number, number]> {
    for (let at = 0; at < this.byStatus.length; at++) if (this.byStatus[at] > 0) yield [at + FIRST_STATUS, this.byStatus[at]];
  }
}

interface ChainHandle {
  readonly config: FilterChainConfig['filter'];
  readonly counts: RequestCounts;
  readonly isLogged: IsLogged;
  readonly format: FormatLine | undefined;
  readonly writer: LineSink | undefined;
}

/** Metrics and access log of every request. What a request needs is resolved when the configuration changes. */
export class RequestObserver implements Observer {
  private handles = new Map<string, ChainHandle>();
  private readonly clusters = new WeakMap<Cluster, RequestCounts>();
  private readonly writers = new Map<string, LineSink>();
  private readonly line = new LineBuffer();
  // Of the request before, most often of the next one, too.
  private lastCluster: Cluster | undefined;
  private lastCounts: RequestCounts | undefined;
  private lastHandle: ChainHandle | undefined;
  private lastChain = '';

  /**
   * @param random gives 0 ≤ x < 1.
   * @param open makes the writer of a path; `-` is standard output.
   */
  constructor(
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly open: (path: string) => LineSink = (path) => new LineWriter(path, clock),
  ) {}

  /** The listeners that requests will come from; counts of those that stay go on. */
  configure(listeners: Iterable<ListenerConfig>): void {
    const handles = new Map<string, ChainHandle>();
    for (const { key, filter } of [...listeners].flatMap(allChains)) {
      const before = this.handles.get(key);
      handles.set(key, before?.config === filter ? before : this.handle(filter, before?.counts ?? new RequestCounts()));
    }
    // Listeners that left may still end requests; whoever has their record finds nothing to count it under.
    this.handles = handles;
    this.lastHandle = undefined;
    const used = new Set([...handles.values()].map((handle) => handle.writer));
    for (const [path, writer] of this.writers) {
      if (used.has(writer)) continue;
      this.writers.delete(path);
      void writer.close();
    }
  }

  requestEnded(record: RequestRecord): void {
    const { cluster } = record;
    if (cluster !== undefined) this.countsOf(cluster).count(record);
    this.ended(record);
  }

  connectionEnded(record: RequestRecord): void {
    this.ended(record);
  }

  private ended(record: RequestRecord): void {
    const handle = this.handleOf(record.chain);
    if (handle === undefined) return;
    handle.counts.count(record);
    if (handle.format === undefined || !handle.isLogged(record)) return;
    const { line } = this;
    handle.format(record, line);
    handle.writer!.append(line.bytes, line.end);
  }

  private countsOf(cluster: Cluster): RequestCounts {
    if (cluster === this.lastCluster) return this.lastCounts!;
    let counts = this.clusters.get(cluster);
    if (counts === undefined) this.clusters.set(cluster, counts = new RequestCounts());
    this.lastCluster = cluster;
    return (this.lastCounts = counts);
  }

  private handleOf(chain: string): ChainHandle | undefined {
    if (this.lastHandle !== undefined && chain === this.lastChain) return this.lastHandle;
    this.lastChain = chain;
    return (this.lastHandle = this.handles.get(chain));
  }

  ofCluster(cluster: Cluster): RequestCounts | undefined {
    return this.clusters.get(cluster);
  }

  /** Of the requests, or connections, of a filter chain by its key. */
  ofChain(key: string): RequestCounts | undefined {
    return this.handles.get(key)?.counts;
  }

  /** Lines of access logs that were lost, by path. */
  dropped(): ReadonlyMap<string, number> {
    return new Map([...this.writers].map(([path, writer]) => [path, writer.dropped]));
  }

  /** Access logs that cannot be written, with the reason. */
  problems(): ReadonlyMap<string, string> {
    return new Map([...this.writers].flatMap(([path, { problem }]) => (problem === undefined ? [] : [[path, problem] as const])));
  }

  reopen(): void {
    this.writers.forEach((writer) => writer.reopen());
  }

  async close(): Promise<void> {
    await Promise.all([...this.writers.values()].map(async (writer) => writer.close()));
  }

  private handle(config: FilterChainConfig['filter'], counts: RequestCounts): ChainHandle {
    const { accessLog } = config;
    if (!accessLog) return { config, counts, isLogged: () => false, format: undefined, writer: undefined };
    let writer = this.writers.get(accessLog.path);
    if (!writer) this.writers.set(accessLog.path, writer = this.open(accessLog.path));
    const format = compileFormat(accessLog.jsonFormat ?? (config.kind === 'http' ? DEFAULT_FORMAT : DEFAULT_TCP_FORMAT), this.clock);
    return { config, counts, writer, format, isLogged: compileFilter(accessLog.filter, this.random) };
  }
}
