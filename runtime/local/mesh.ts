import type { Clock, Timer } from '../clock';
import { endpointSlices } from './endpoint-slices';
import { reconcile, RECOVERED_AFTER, restartDelay, type Action, type ReconcileOptions } from './reconcile';
import { podKey, type KubeObject, type PodSpec, type PodState, type ProcessSpec, type ProcessState, type WorkloadSpec } from './types';

/** Everything that the mesh does to the world. */
export interface Effects {
  /** Starts a process; `onExit` is called once, later, also when it could not be started (the pid is 0 then). */
  spawn(pod: PodSpec, process: ProcessSpec, onExit: (reason: string) => void): number;
  signal(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void;
  /** Asks once whether proxy and application of a pod take requests; `done` is called once, later. */
  probe(pod: PodSpec, done: (ready: boolean) => void): void;
  /** Replaces the folder of endpoints by these files. */
  publish(files: ReadonlyMap<string, string>): void;
}

/** What happened, for people. */
export type MeshEvent =
  | { readonly kind: 'ready' | 'unready' | 'created' | 'draining' | 'gone'; readonly pod: PodSpec }
  | {
    readonly kind: 'exited'; readonly pod: PodSpec; readonly process: string; readonly reason: string;
    /** Milliseconds; undefined where it is not started again. */
    readonly restartIn: number | undefined;
  };

export interface MeshOptions extends ReconcileOptions {
  /** Milliseconds between probes of a pod that is not ready, and of one that is. */
  readonly startProbeInterval: number;
  readonly probeInterval: number;
}

export const DEFAULT_OPTIONS: MeshOptions = { drainDelay: 750, grace: 10_000, startProbeInterval: 100, probeInterval: 1000 };

/** The mutable twin of PodState. */
interface Pod {
  spec: PodSpec;
  phase: PodState['phase'];
  since: number;
  ready: boolean;
  processes: Map<string, ProcessState>;
  restarts: number;
  held: boolean;
  /** Grows with every start and end of a process: a probe that began before says nothing of now. */
  generation: number;
  probe: Timer | undefined;
}

/**
 * The pods of this machine: owner of their state. It is told what should run (`apply`), does what `reconcile` says, and hears of the world by the
 * callbacks of its effects.
 */
export class LocalMesh {
  private readonly pods_ = new Map<string, Pod>();
  private desired: readonly WorkloadSpec[] = [];
  private objects: readonly KubeObject[] = [];
  private wake: Timer | undefined;
  private stepping = false;
  private again = false;
  private stopped: (() => void) | undefined;
  private options: MeshOptions;

  constructor(
    private readonly clock: Clock, private readonly effects: Effects, options: Partial<MeshOptions> = {},
    private readonly tell: (event: MeshEvent) => void = () => {},
  ) {
    this.options = { ...DEFAULT_OPTIONS, ...options };
  }

  pods(): readonly PodState[] {
    return [...this.pods_.values()];
  }

  /** What should run from now on, and the objects whose Services get endpoints. */
  apply(workloads: readonly WorkloadSpec[], objects: readonly KubeObject[]): void {
    if (this.stopped) return;
    this.desired = workloads;
    this.objects = objects;
    this.step();
  }

  /** Ends every process; resolves when none is left. */
  async stop(grace: number): Promise<void> {
    this.options = { ...this.options, drainDelay: 0, grace };
    this.desired = [];
    return new Promise((resolve) => {
      this.stopped = resolve;
      this.step();
    });
  }

  /** Kills the processes of a pod, as a node that fails would; they come back as after any other crash. */
  kill(key: string, roles?: readonly ProcessSpec['role'][]): void {
    const pod = this.pods_.get(key);
    for (const { name, role } of pod?.spec.processes ?? []) {
      const process = pod!.processes.get(name);
      if (process?.status === 'up' && (roles?.includes(role) ?? true)) this.effects.signal(process.pid, 'SIGKILL');
    }
  }

  /** Kills the processes of a pod, and leaves it dead until it is released. */
  hold(key: string): void {
    const pod = this.pods_.get(key);
    if (!pod) return;
    pod.held = true;
    this.kill(key);
  }

  /** Starts what `hold` stopped. */
  release(key: string): void {
    const pod = this.pods_.get(key);
    if (!pod) return;
    pod.held = false;
    this.step();
  }

  /** Does what is to do until nothing is, then waits for an event or the next due time. */
  private step(): void {
    if (this.stepping) {
      this.again = true;
      return;
    }
    this.stepping = true;
    this.wake?.cancel();
    let wakeAt: number | undefined;
    do {
      this.again = false;
      const plan = reconcile(this.desired, this.pods(), this.clock.now(), this.options);
      for (const action of plan.actions) this.act(action);
      this.again ||= plan.actions.length > 0;
      wakeAt = plan.wakeAt;
    } while (this.again);
    this.stepping = false;
    if (wakeAt !== undefined) this.wake = this.clock.setTimer(Math.max(0, wakeAt - this.clock.now()), () => this.step());
    this.effects.publish(endpointSlices(this.objects, this.pods()));
    if (this.stopped && this.pods_.size === 0) this.stopped();
  }

  private act(action: Action): void {
    if (action.kind === 'create') return this.create(action.pod);
    const pod = this.pods_.get(action.pod)!;
    const now = this.clock.now();
    switch (action.kind) {
      case 'start':
        return this.start(pod, action.process);
      case 'drain':
        pod.phase = 'draining';
        pod.since = now;
        pod.probe?.cancel();
        return this.tell({ kind: 'draining', pod: pod.spec });
      case 'stop':
        pod.phase = 'stopping';
        pod.since = now;
        return;
      case 'signal': {
        const process = pod.processes.get(action.process);
        if (process?.status !== 'up') return;
        pod.processes.set(action.process, { ...process, signalled: now, killed: action.signal === 'SIGKILL' });
        return this.effects.signal(process.pid, action.signal);
      }
      case 'forget':
        this.pods_.delete(action.pod);
        return this.tell({ kind: 'gone', pod: pod.spec });
    }
  }

  private create(spec: PodSpec): void {
    const now = this.clock.now();
    const processes = new Map(spec.processes.map(({ name }): [string, ProcessState] => [name, { status: 'down', failures: 0, retryAt: now }]));
    const pod: Pod = { spec, phase: 'running', since: now, ready: false, processes, restarts: 0, held: false, generation: 0, probe: undefined };
    this.pods_.set(podKey(spec), pod);
    this.tell({ kind: 'created', pod: spec });
    this.probeAfter(pod, this.options.startProbeInterval);
  }

  private start(pod: Pod, name: string): void {
    const before = pod.processes.get(name)!;
    const spec = pod.spec.processes.find((process) => process.name === name)!;
    const pid = this.effects.spawn(pod.spec, spec, (reason) => this.exited(pod, name, reason));
    pod.generation++;
    pod.processes.set(name, { status: 'up', pid, since: this.clock.now(), failures: before.failures, signalled: undefined, killed: false });
  }

  private exited(pod: Pod, name: string, reason: string): void {
    const before = pod.processes.get(name)!;
    if (before.status !== 'up') return;
    const now = this.clock.now();
    const failures = (now - before.since >= RECOVERED_AFTER ? 0 : before.failures) + 1;
    const restartIn = restartDelay(failures);
    pod.processes.set(name, { status: 'down', failures, retryAt: now + restartIn });
    pod.generation++;
    if (pod.phase === 'running') {
      pod.restarts++;
      this.tell({ kind: 'exited', pod: pod.spec, process: name, reason, restartIn: pod.held ? undefined : restartIn });
      this.probeAfter(pod, this.options.startProbeInterval);
    }
    this.setReady(pod, false);
    this.step();
  }

  private probeAfter(pod: Pod, delay: number): void {
    pod.probe?.cancel();
    pod.probe = this.clock.setTimer(delay, () => {
      const { generation } = pod;
      this.effects.probe(pod.spec, (ready) => {
        if (pod.phase !== 'running' || this.pods_.get(podKey(pod.spec)) !== pod) return;
        const whole = [...pod.processes.values()].every(({ status }) => status === 'up');
        const changed = generation === pod.generation && this.setReady(pod, ready && whole);
        this.probeAfter(pod, pod.ready ? this.options.probeInterval : this.options.startProbeInterval);
        if (changed) this.step();
      });
    });
  }

  private setReady(pod: Pod, ready: boolean): boolean {
    if (pod.ready === ready) return false;
    pod.ready = ready;
    if (pod.phase === 'running') this.tell({ kind: ready ? 'ready' : 'unready', pod: pod.spec });
    return true;
  }
}
