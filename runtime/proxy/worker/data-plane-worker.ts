import type { MessagePort } from 'node:worker_threads';
import type { Clock } from '../../clock';
import type { SharedClusters } from '../cluster/shared';
import { LocalDataPlane } from '../data-plane/local';
import { ListenError } from '../listen-error';
import type { Log } from '../observe/log';
import type { PreparedSnapshot } from '../proxy';
import type { Transport } from '../transport';
import { ForwardedLog } from './log-sink';
import type { FromWorker, ToWorker, WorkerInit } from './messages';
import { MemoryClient, type Receive } from './shared-memory';
import { SnapshotReader, type SnapshotChanges } from './snapshot-wire';

export interface WorkerDependencies {
  /** The pod's: all workers have the same time. */
  readonly clock: Clock;
  readonly random: () => number;
  readonly transport: Transport;
  readonly receive: Receive;
  readonly log?: Log;
  /** Tells the main thread. */
  readonly post: (message: FromWorker) => void;
}

/** One worker of a pod: a data plane that does what the main thread tells it to. */
export class DataPlaneWorker {
  private readonly plane: LocalDataPlane;
  private readonly reader = new SnapshotReader();
  private readonly logs = new Map<string, ForwardedLog>();
  private prepared: { readonly snapshot: PreparedSnapshot; readonly changes: SnapshotChanges } | undefined;

  constructor(init: Omit<WorkerInit, 'memory'> & { readonly memory: MessagePort }, private readonly deps: WorkerDependencies) {
    const { clock, random, transport, receive, post, log } = deps;
    const memory = new MemoryClient(init.memory, receive);
    const shared: SharedClusters = {
      worker: init.index,
      workers: init.workers,
      get: (name, bytes) => memory.get(name, bytes),
      suspect: (cluster, host) => post({ kind: 'suspect', cluster, host }),
    };
    const buffered = new Float64Array(init.buffered);
    this.plane = new LocalDataPlane({
      clock, random, transport, shared, log,
      overload: init.overload,
      ticketSecret: init.ticketSecret,
      openLog: (path) => {
        const forwarded = new ForwardedLog(path, clock, post);
        this.logs.set(path, forwarded);
        return forwarded;
      },
      bufferedInPod: (own) => {
        buffered[init.index] = own;
        return buffered.reduce((sum, bytes) => sum + bytes, 0);
      },
    });
    post({ kind: 'ready' });
  }

  /** An exception that nobody caught. */
  fault(error: unknown): void {
    this.plane.faults.record('process', error);
  }

  onMessage(message: ToWorker): void {
    switch (message.kind) {
      case 'prepare':
        void this.prepare(message);
        return;
      case 'commit':
        this.commit(message.id);
        return;
      case 'abort':
        void this.abort(message.id);
        return;
      case 'ejected':
        for (const [name, cluster] of this.plane.proxy.clusters) cluster.setEjected(new Set(message.hosts.get(name)));
        return;
      case 'report':
        this.deps.post({ kind: 'report', id: message.id, report: this.plane.reportNow() });
        return;
      case 'connections':
        this.deps.post({ kind: 'connections', id: message.id, connections: this.plane.connectionsNow() });
        return;
      case 'logged':
        this.logs.get(message.path)?.taken(message.bytes);
        return;
      case 'drain':
        void this.plane.drain(message.deadline).then(() => this.deps.post({ kind: 'settled', id: message.id }));
        return;
      case 'close':
        void this.plane.close().then(() => this.deps.post({ kind: 'settled', id: message.id }));
    }
  }

  private async prepare({ id, changes, ports }: Extract<ToWorker, { kind: 'prepare' }>): Promise<void> {
    const { post } = this.deps;
    try {
      const snapshot = await this.plane.prepare(this.reader.read(changes), ports);
      this.prepared = { snapshot, changes };
      post({ kind: 'prepared', id, ports: snapshot.ports });
    } catch (error) {
      const errors = error instanceof AggregateError ? error.errors as Error[] : [error as Error];
      const problems = errors.map((one) => ({ message: one.message, listener: one instanceof ListenError ? one.listener : undefined }));
      post({ kind: 'failed', id, problems });
    }
  }

  private commit(id: number): void {
    const { snapshot, changes } = this.prepared!;
    this.prepared = undefined;
    snapshot.commit();
    this.reader.committed(changes);
    this.deps.post({ kind: 'settled', id });
  }

  private async abort(id: number): Promise<void> {
    const { prepared } = this;
    this.prepared = undefined;
    await prepared?.snapshot.abort();
    this.deps.post({ kind: 'settled', id });
  }
}
