import { mkdirSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { Clock } from '../clock';
import type { AddressBlock } from './addresses';
import { killedBy, parseCommand } from './commands';
import { RUNNER_PORT, startControlServer } from './control-server';
import { ManifestMemory, OutputFolder, readFolder, watchFolder } from './folder';
import { tokenMaker, writeIdentities } from './identities';
import { LocalMesh, type MeshEvent } from './mesh';
import { probe } from './probe';
import { Processes } from './processes';
import type { Settings } from './settings';
import { StandIns } from './stand-ins';
import { readRefusals } from './status';
import { podKey, type KubeObject, type PodSpec, type PodState, type Problem, type WorkloadSpec } from './types';
import { desiredWorkloads, nothingToRun, statusFile, type Installation } from './workloads';

/** The bundled programs that a run starts. */
export interface Programs {
  readonly node: string;
  readonly proxy: string;
  readonly controlPlane: string;
  readonly guardian: string;
}

export interface RunOptions {
  /** Folder of manifests. */
  readonly folder: string;
  readonly settings: Settings;
  readonly addresses: AddressBlock;
  /** Folder for logs, endpoints, snapshots and status; what an earlier run left there is removed. */
  readonly state: string;
  readonly programs: Programs;
  readonly clock: Clock;
  readonly tell: (event: RunEvent) => void;
}

export type RunEvent = MeshEvent | { readonly kind: 'problems'; readonly problems: readonly Problem[] } | { readonly kind: 'applied' }
  /** Somebody did something to pods, by a line or by the runner's own server. */
  | { readonly kind: 'command'; readonly line: string; readonly done: string };

/** Manifests that cannot be run as they are. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(({ where, message }) => `${where}: ${message}`).join('\n'));
  }
}

/** Milliseconds that processes get to end when the run does. */
const STOP_GRACE = 4000;

/** A folder of manifests, run on this machine: `meshwright up`. */
export class LocalRun {
  private readonly memory = new ManifestMemory();
  private readonly endpoints: OutputFolder;
  private readonly processes: Processes;
  private readonly mesh: LocalMesh;
  private readonly installation: Installation;
  private readonly standIns: StandIns;
  /** Manifests as they lead to stand-ins; undefined where there are none, and the control plane reads the folder itself. */
  private readonly manifests: OutputFolder | undefined;
  private objects: readonly KubeObject[] = [];
  private readonly closers: { close(): Promise<void> }[] = [];
  private readonly waiting = new Set<() => void>();
  private workloads: readonly WorkloadSpec[] = [];
  private stopping: Promise<void> | undefined;
  /** Workloads of the manifests that are not in the mesh and not run. */
  skipped: readonly string[] = [];

  /** @throws ManifestError where a manifest cannot be run; Error where the addresses cannot be used */
  static async start(options: RunOptions): Promise<LocalRun> {
    // The runner's own port first: it tells whether the addresses, and the state of another run, are in use.
    let run: LocalRun | undefined;
    const control = await startControlServer(options.addresses.runner, {
      command: async (line) => run?.command(line) ?? 'not running yet',
      status: () => run?.status() ?? {},
      page: (path) => run?.page(path),
    });
    try {
      rmSync(options.state, { recursive: true, force: true });
      for (const part of ['logs', 'snapshots', 'identity']) mkdirSync(join(options.state, part), { recursive: true, mode: 0o700 });
      const files = readFolder(options.folder);
      run = new LocalRun(options);
      const problems = run.accept(files);
      if (problems.length > 0) throw new ManifestError(problems);
      run.closers.push(control, await watchFolder(options.folder, options.clock, () => run!.reload()));
    } catch (error) {
      await run?.stop();
      await control.close();
      throw error;
    }
    return run;
  }

  private constructor(private readonly options: RunOptions) {
    const { state, programs } = options;
    this.endpoints = new OutputFolder(join(state, 'endpoints'));
    this.processes = new Processes(programs.node, programs.guardian, join(state, 'logs'));
    this.standIns = new StandIns(options.settings, options.addresses, `http://${options.addresses.runner}:${RUNNER_PORT}`);
    this.manifests = this.standIns.none ? undefined : new OutputFolder(join(state, 'manifests'));
    const folder = this.manifests ? join(state, 'manifests') : options.folder;
    this.installation = { ...programs, sources: [folder, join(state, 'endpoints')], state, tokenOf: tokenMaker() };
    this.mesh = new LocalMesh(options.clock, {
      spawn: (pod, process, onExit) => this.processes.spawn(pod, process, onExit),
      signal: (pid, signal) => this.processes.signal(pid, signal),
      probe,
      publish: (slices) => this.endpoints.replace(slices),
    }, {}, (event) => this.heard(event));
  }

  pods(): readonly PodState[] {
    return this.mesh.pods();
  }

  logFile(pod: PodSpec): string {
    return this.processes.logFile(pod);
  }

  /** Names of external services that are not played on this machine, as clusters have them. */
  outside(): ReadonlySet<string> {
    return this.standIns.real(this.objects);
  }

  /** A token of an issuer that the runner plays, by its name in the settings; an empty text where there is none. */
  token(name: string): string {
    return this.standIns.token(name, this.options.clock.wallTime()) ?? '';
  }

  /** Keys of issuers, and tokens for whoever tries something by hand: `/tokens/customer`. */
  private page(path: string): string | undefined {
    const token = /^\/tokens\/([a-z0-9-]+)$/.exec(path)?.[1];
    return token === undefined ? this.standIns.keys(path) : this.standIns.token(token, this.options.clock.wallTime());
  }

  /** What the control plane and the proxies do not take of the manifests. */
  refusals(): readonly Problem[] {
    return readRefusals(statusFile(this.options.state, 0));
  }

  /** Pods that should run and are not ready. */
  missing(): readonly PodSpec[] {
    const ready = new Set(this.pods().filter((pod) => pod.ready && pod.phase === 'running').map(({ spec }) => `${podKey(spec)} ${spec.hash}`));
    return this.workloads.flatMap(({ pods }) => pods).filter((pod) => !ready.has(`${podKey(pod)} ${pod.hash}`));
  }

  /** Resolves true once every pod that should run is ready, and none else runs; false when that takes longer than `timeout` milliseconds. */
  async settled(timeout: number): Promise<boolean> {
    const wanted = () => this.workloads.reduce((sum, { pods }) => sum + pods.length, 0);
    return this.until(() => this.missing().length === 0 && this.pods().length === wanted(), timeout);
  }

  /** Resolves true once `condition` holds, which is looked at after every event; false when that takes longer than `timeout` milliseconds. */
  async until(condition: () => boolean, timeout: number): Promise<boolean> {
    if (condition()) return true;
    return new Promise((resolve) => {
      const end = (held: boolean) => {
        this.waiting.delete(look);
        timer.cancel();
        resolve(held);
      };
      const look = () => { if (condition()) end(true); };
      const timer = this.options.clock.setTimer(timeout, () => end(false));
      this.waiting.add(look);
    });
  }

  /** Does what a line such as `payment: fail` says, and says what it did. */
  async command(line: string): Promise<string> {
    const { verb, pods } = parseCommand(line, this.pods());
    const kills = killedBy(verb);
    if (kills) for (const pod of pods) this.mesh.kill(podKey(pod), kills.roles);
    else if (verb === 'stop') for (const pod of pods) this.mesh.hold(podKey(pod));
    else if (verb === 'start') for (const pod of pods) this.mesh.release(podKey(pod));
    else await Promise.all(pods.map(async (pod) => switchFault(pod, verb)));
    const done = pods.length === 1 ? `done to ${pods[0]!.name}` : `done to ${pods.length} pods`;
    this.options.tell({ kind: 'command', line: line.trim(), done });
    return done;
  }

  /** Ends every process; resolves when none is left. */
  async stop(): Promise<void> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  private async end(): Promise<void> {
    for (const closer of this.closers.reverse()) await closer.close();
    await this.mesh.stop(STOP_GRACE);
    await this.processes.close();
  }

  private reload(): void {
    let problems: readonly Problem[];
    try {
      problems = this.accept(readFolder(this.options.folder));
    } catch (error) {
      problems = [{ where: this.options.folder, message: (error as Error).message }];
    }
    this.options.tell(problems.length > 0 ? { kind: 'problems', problems } : { kind: 'applied' });
  }

  /** A workload that cannot be run as it is now keeps running as it was. At the start nothing runs before everything can. */
  private accept(files: ReturnType<typeof readFolder>): readonly Problem[] {
    const { objects, problems } = this.memory.accept(files);
    const first = this.workloads.length === 0;
    const desired = desiredWorkloads(objects, this.options.settings, this.options.addresses, this.installation);
    const outside = this.standIns.workloads(objects, this.installation.node);
    const empty = first ? nothingToRun(desired, this.options.folder) : undefined;
    const all = [...problems, ...desired.problems];
    if (empty !== undefined && all.length === 0) return [empty];
    if (first && all.length > 0) return all;
    const failed = new Set(desired.problems.map(({ where }) => where));
    this.workloads = [...desired.workloads, ...outside, ...this.workloads.filter(({ id }) => failed.has(id))];
    this.objects = objects;
    this.manifests?.replace(new Map(files.map((file) => [encodeURIComponent(file.name), this.standIns.applied(file).text])));
    this.skipped = desired.skipped;
    writeIdentities(this.options.state, this.workloads.flatMap(({ pods }) => pods));
    this.mesh.apply(this.workloads, objects);
    return all;
  }

  private heard(event: MeshEvent): void {
    if (event.kind === 'gone') this.release(event.pod);
    if (!this.stopping) this.options.tell(event);
    for (const look of [...this.waiting]) look();
  }

  /** The address of a pod that is gone may be given to another, unless the pod is to come back. */
  private release(pod: PodSpec): void {
    const wanted = this.workloads.some(({ pods }) => pods.some((other) => podKey(other) === podKey(pod)));
    if (!wanted) this.options.addresses.release(podKey(pod));
  }

  private status(): unknown {
    return {
      pods: this.pods().map(({ spec, phase, ready, restarts, processes }) => ({
        name: spec.name,
        namespace: spec.namespace,
        service: spec.service,
        version: spec.version,
        address: spec.address,
        region: spec.region,
        zone: spec.zone,
        phase,
        ready,
        restarts,
        processes: Object.fromEntries([...processes].map(([name, state]) => [name, state.status === 'up' ? { pid: state.pid } : { down: true }])),
        log: this.logFile(spec),
      })),
    };
  }
}

/** Tells an application of its fault. */
async function switchFault(pod: PodSpec, verb: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: pod.address, port: pod.control!.port, path: `/${verb}`, method: 'POST', agent: false, timeout: 2000 }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`${pod.name}: answered ${response.statusCode} to ${verb}`));
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', (error) => reject(new Error(`${pod.name}: ${verb}: ${error.message}`)));
    sent.end();
  });
}

