import type { Clock, Timer } from '../../clock';
import { Ejections } from '../cluster/ejections';
import { SharedResources, isResourcesName } from '../cluster/resources';
import type { ProxySnapshot } from '../config/types';
import { mergeClusters } from '../data-plane/report';
import type { BoundListener, ConnectionView, DataPlane, DataPlaneReport } from '../data-plane/types';
import { ListenError } from '../listen-error';
import { Families } from '../observe/families';
import type { LineSink } from '../observe/line-writer';
import type { Log } from '../observe/log';
import type { FromWorker, ToWorker } from './messages';
import type { MemoryRegistry } from './shared-memory';
import { SnapshotNumbers } from './snapshot-wire';
import { WorkerSlot, type Answer, type WorkerThread } from './worker-slot';

/** Waits before a worker that died young is started again: the first comes back at once. */
const BASE_BACKOFF = 100;
const MAX_BACKOFF = 10_000;
/** A worker that lived so long has not died of its start. */
const GROWN_UP = 10_000;
/** Milliseconds for a worker to report; one that is busier stands with what it said last. */
const REPORT_TIMEOUT = 1_000;
/** Milliseconds for a worker to take a configuration. */
const STUCK_TIMEOUT = 30_000;
/** Milliseconds for workers to close; then their threads are ended. */
const CLOSE_TIMEOUT = 1_000;

export interface PoolDependencies {
  readonly workers: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly memory: MemoryRegistry;
  /** Starts a thread; what it says comes by `message`, and `exited` once it is gone. */
  readonly spawn: (index: number, message: (message: FromWorker) => void, exited: (reason: string) => void) => WorkerThread;
  readonly openLog: (path: string) => LineSink;
  /** Bytes buffered by each worker, as doubles. */
  readonly buffered: SharedArrayBuffer;
}

/**
 * The data plane of a pod with several workers: each is a whole proxy in a thread of its own, at the same addresses, among which the system shares
 * connections out. A snapshot is prepared by all before any has it in force. What the limits of the configuration bound, they bound together.
 *
 * A worker that dies takes its connections along; the others do not notice, and another takes its place.
 */
export class WorkerPool implements DataPlane {
  readonly listeners: BoundListener[] = [];
  /** Workers that died and were replaced. */
  restarts = 0;
  private readonly slots: WorkerSlot[] = [];
  private readonly numbers = new SnapshotNumbers();
  private readonly ejections: Ejections;
  private readonly logs = new Map<string, { readonly sink: LineSink; readonly users: Set<WorkerSlot> }>();
  private readonly timers = new Set<Timer>();
  /** What dead workers had counted, as far as was known. */
  private readonly past = new Families();
  private snapshot: ProxySnapshot | undefined;
  private ports: ReadonlyMap<string, number> = new Map();
  private turn: Promise<unknown> = Promise.resolve();
  private draining: number | undefined;
  private closed = false;

  private constructor(private readonly deps: PoolDependencies) {
    this.ejections = new Ejections(deps.clock, () => this.tellEjections());
  }

  /** Resolves once all workers are there; rejects where one cannot be started. */
  static async start(deps: PoolDependencies): Promise<WorkerPool> {
    const pool = new WorkerPool(deps);
    const started = await Promise.allSettled(Array.from({ length: deps.workers }, async (_, index) => (
      new Promise<void>((ready, failed) => pool.spawn(index, 0, ready, failed)))));
    const failed = started.find((result) => result.status === 'rejected');
    if (!failed) return pool;
    await pool.close();
    throw failed.reason;
  }

  async apply(snapshot: ProxySnapshot): Promise<void> {
    return this.exclusively(async () => this.applyNow(snapshot, this.slots));
  }

  private async applyNow(snapshot: ProxySnapshot, slots: readonly WorkerSlot[]): Promise<void> {
    if (this.closed) throw new Error('the proxy is closed');
    const sent = new Map(slots.filter(({ gone }) => !gone).map((slot) => [slot, this.numbers.changes(snapshot, slot.known)]));
    const prepared = new Set<WorkerSlot>();
    const problems = new Map<string, Error>();
    let ports: ReadonlyMap<string, number> = this.ports;
    const prepare = async (slot: WorkerSlot): Promise<void> => {
      const answer = await this.askOrEnd(slot, (id) => ({ kind: 'prepare', id, changes: sent.get(slot)!, ports }));
      if (answer.kind === 'prepared') {
        prepared.add(slot);
        ports = answer.ports;
      } else if (answer.kind === 'failed') {
        for (const { message, listener } of answer.problems) {
          problems.set(message, listener === undefined ? new Error(message) : new ListenError(listener, message));
        }
      }
    };
    // The first chooses the ports where the configuration leaves them open.
    const waiting = [...sent.keys()];
    while (prepared.size === 0 && problems.size === 0 && waiting.length > 0) await prepare(waiting.shift()!);
    if (problems.size === 0) await Promise.all(waiting.map(prepare));
    if (problems.size > 0) {
      await Promise.all([...prepared].map(async (slot) => slot.ask((id) => ({ kind: 'abort', id }))));
      throw new AggregateError(problems.values(), [...problems.keys()].join('\n'));
    }
    await Promise.all([...prepared].map(async (slot) => this.askOrEnd(slot, (id) => ({ kind: 'commit', id }))));
    for (const slot of prepared) slot.known.committed(sent.get(slot)!);
    this.snapshot = snapshot;
    // Without any worker the next that comes decides.
    if (prepared.size > 0) this.ports = ports;
    this.listeners.splice(0, Infinity, ...[...snapshot.listeners.values()].map(({ name, address, port }) => (
      { name, address, port: this.ports.get(name) ?? port })));
    this.ejections.apply(snapshot);
    this.tellEjections();
  }

  /** As `WorkerSlot.ask`; a worker that does not answer is stuck, and another takes its place. */
  private async askOrEnd(slot: WorkerSlot, question: (id: number) => ToWorker): Promise<Answer> {
    const timer = this.deps.clock.setTimer(STUCK_TIMEOUT, () => {
      this.deps.log.error('worker', 'worker does not answer', { worker: slot.index, withinMs: STUCK_TIMEOUT });
      slot.thread.terminate();
    });
    const answer = await slot.ask(question);
    timer.cancel();
    return answer;
  }

  private async exclusively<T>(run: () => Promise<T>): Promise<T> {
    const next = this.turn.then(run);
    this.turn = next.catch(() => undefined);
    return next;
  }

  /** @param failed told where the worker dies before it is ready; without it, it is started again then, too. */
  private spawn(index: number, deaths: number, ready: () => void, failed?: (error: Error) => void): void {
    const { clock, spawn } = this.deps;
    const slot = new WorkerSlot(index);
    this.slots[index] = slot;
    const born = clock.now();
    let mayFail = failed;
    slot.thread = spawn(index, (message) => {
      if (message.kind === 'ready') {
        mayFail = undefined;
        ready();
      } else {
        this.onMessage(slot, message);
      }
    }, (reason) => {
      this.bury(slot);
      if (mayFail) mayFail(new Error(`worker ${index} did not start: ${reason}`));
      else if (!this.closed) this.replace(index, reason, clock.now() - born < GROWN_UP ? deaths + 1 : 1);
    });
  }

  private replace(index: number, reason: string, deaths: number): void {
    const { clock, log } = this.deps;
    this.restarts++;
    const wait = deaths === 1 ? 0 : Math.min(MAX_BACKOFF, BASE_BACKOFF * 2 ** (deaths - 2));
    log.error('worker', 'worker died', { worker: index, reason, restartInMs: wait });
    const timer = clock.setTimer(wait, () => {
      this.timers.delete(timer);
      this.spawn(index, deaths, () => void this.revive(index));
    });
    this.timers.add(timer);
  }

  /** Gives a worker that took another's place what is in force. */
  private async revive(index: number): Promise<void> {
    try {
      await this.exclusively(async () => {
        if (this.snapshot && !this.closed) await this.applyNow(this.snapshot, [this.slots[index]]);
      });
      if (this.draining !== undefined) void this.slots[index].ask((id) => ({ kind: 'drain', id, deadline: this.draining! }));
    } catch (error) {
      this.deps.log.error('worker', 'a new worker cannot serve', { worker: index, problem: (error as Error).message });
      this.slots[index].thread.terminate();
    }
  }

  private bury(slot: WorkerSlot): void {
    slot.died();
    // Memory that others still use goes on, without what this one had taken of it.
    for (const [name, buffer] of this.deps.memory.forget(slot.index)) {
      if (isResourcesName(name)) SharedResources.forget(buffer, slot.index);
    }
    for (const path of this.logs.keys()) this.closeLog(path, slot);
    new Float64Array(this.deps.buffered)[slot.index] = 0;
    this.past.mergeFrom((slot.report?.families ?? []).filter(({ type }) => type !== 'gauge'));
  }

  private onMessage(slot: WorkerSlot, message: Exclude<FromWorker, { kind: 'ready' }>): void {
    switch (message.kind) {
      case 'suspect':
        this.ejections.suspect(message.cluster, message.host);
        return;
      case 'openLog': {
        let known = this.logs.get(message.path);
        if (!known) this.logs.set(message.path, known = { sink: this.deps.openLog(message.path), users: new Set() });
        known.users.add(slot);
        return;
      }
      case 'closeLog':
        this.closeLog(message.path, slot);
        return;
      case 'log': {
        const { path, lines } = message;
        const sink = this.logs.get(path)?.sink;
        for (let at = 0; at < lines.length;) {
          const end = lines.indexOf('\n', at) + 1 || lines.length;
          sink?.write(lines.slice(at, end));
          at = end;
        }
        slot.thread.post({ kind: 'logged', path, bytes: lines.length });
        return;
      }
      default:
        slot.answered(message);
    }
  }

  private closeLog(path: string, slot: WorkerSlot): void {
    const known = this.logs.get(path);
    if (!known?.users.delete(slot) || known.users.size > 0) return;
    this.logs.delete(path);
    void known.sink.close();
  }

  private tellEjections(): void {
    const hosts = this.ejections.hosts();
    for (const slot of this.slots) if (!slot.gone) slot.thread.post({ kind: 'ejected', hosts });
  }

  async report(): Promise<DataPlaneReport> {
    await Promise.all(this.slots.map(async (slot) => this.ask(slot)));
    const reports = this.slots.flatMap(({ report }) => report ?? []);
    const families = new Families();
    families.mergeFrom(this.past.toData());
    reports.forEach((report) => families.mergeFrom(report.families));
    this.collectOwn(families);
    const problems = [...this.logs].flatMap(([path, { sink: { problem } }]) => (problem === undefined ? [] : [[path, problem] as const]));
    const sum = (of: (report: DataPlaneReport) => number): number => reports.reduce((total, report) => total + of(report), 0);
    return {
      families: families.toData(),
      clusters: mergeClusters(reports),
      connections: sum(({ connections }) => connections),
      heapBytes: sum((report) => report.heapBytes),
      problems,
    };
  }

  async connections(): Promise<readonly ConnectionView[]> {
    const found: ConnectionView[] = [];
    await Promise.all(this.slots.map(async (slot) => this.within(REPORT_TIMEOUT, slot.ask((id) => ({ kind: 'connections', id })).then((answer) => {
      if (answer.kind === 'connections') found.push(...answer.connections);
    }))));
    return found;
  }

  private async ask(slot: WorkerSlot): Promise<void> {
    await this.within(REPORT_TIMEOUT, slot.ask((id) => ({ kind: 'report', id })).then((answer) => {
      if (answer.kind === 'report') slot.report = answer.report;
    }));
  }

  /** Waits for workers, but not for ever: one may be stuck. */
  private async within(limit: number, done: Promise<unknown>): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.deps.clock.setTimer(limit, resolve);
      void done.finally(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  private collectOwn(families: Families): void {
    families.gauge('envoy_server_concurrency', 'Worker threads', 'server.concurrency').add({}, this.deps.workers);
    families.counter('meshwright_worker_restarts_total', 'Worker threads that died and were replaced', 'server.worker_restarts').add({}, this.restarts);
    for (const { index, report } of this.slots) {
      const worker = String(index);
      families.gauge('meshwright_worker_connections', 'Connections of clients, by worker', 'worker.{worker}.connections')
        .add({ worker }, report?.connections ?? 0);
      families.gauge('meshwright_worker_heap_bytes', 'Bytes of the heap in use and what it holds outside, by worker', 'worker.{worker}.heap_bytes')
        .add({ worker }, report?.heapBytes ?? 0);
    }
    for (const [envoy_cluster_name, ejections] of this.ejections.made()) {
      families.counter('envoy_cluster_outlier_detection_ejections_enforced_total', 'Ejections of endpoints',
        'cluster.{envoy_cluster_name}.outlier_detection_ejections_enforced_total').add({ envoy_cluster_name }, ejections);
    }
    for (const [path, { sink }] of this.logs) {
      families.counter('meshwright_access_log_dropped_total', 'Lines of the access log that were lost because nobody took them', 'access_log.{path}.dropped')
        .add({ path }, sink.dropped);
    }
  }

  reopenLogs(): void {
    for (const { sink } of this.logs.values()) sink.reopen();
  }

  async drain(deadline: number): Promise<void> {
    this.draining = deadline;
    await Promise.all(this.slots.map(async (slot) => slot.ask((id) => ({ kind: 'drain', id, deadline }))));
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const timer of this.timers) timer.cancel();
    await this.within(CLOSE_TIMEOUT, this.turn.then(async () => Promise.all(this.slots.map(async (slot) => slot.ask((id) => ({ kind: 'close', id }))))));
    for (const slot of this.slots) slot.thread.terminate();
    this.ejections.close();
    await Promise.all([...this.logs.values()].map(async ({ sink }) => sink.close()));
  }
}

