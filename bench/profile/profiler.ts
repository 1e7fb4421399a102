import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Contender, LoadGenerator } from '../comparison';
import type { Accounting } from '../process';
import { Rooms, type Place } from './rooms';
import { parseSamples } from './samples';

/** Samples a second of processor time: no divisor of what timers of the proxies do. */
const FREQUENCY = 1999;

/** What one run of one contender took, and where it was spent. */
export interface Profile {
  readonly name: string;
  readonly units: number;
  /** Of the run. */
  readonly accounting: Accounting;
  /** Microseconds of processor time a unit, by the kernel's accounting. */
  readonly processor: number;
  /** By sample; empty where there is no `perf`. */
  readonly places: readonly Place[];
}

/** Takes profiles of processes by Linux's `perf`, and without it at least what the kernel accounts. */
export class Profiler {
  readonly profiles: { readonly load: string; readonly of: Profile[] }[] = [];
  /** Flags of Node with which `perf` knows the functions of a script by name: it looks for them where V8 writes them, in /tmp. */
  readonly node = ['--perf-basic-prof', '--interpreted-frames-native-stack'];
  readonly hasPerf = spawnSync('perf', ['--version']).status === 0;
  private readonly rooms: Rooms;
  private readonly seen = new Set<number>();

  constructor(root: string) {
    this.rooms = new Rooms(join(root, 'build/maps/proxy.js.map'));
  }

  /** One more run each, under the same load, with the sampler on. */
  async take(contenders: readonly Contender[], load: LoadGenerator, name: string): Promise<void> {
    for (const { processes } of contenders) for (const id of processes) this.seen.add(id);
    const of: Profile[] = [];
    for (const contender of contenders) of.push(await this.profile(contender, load));
    this.profiles.push({ load: name, of });
  }

  /** Takes away what V8 wrote for `perf`; to be called when the processes have ended. */
  clean(): void {
    for (const id of this.seen) rmSync(`/tmp/perf-${id}.map`, { force: true });
  }

  private async profile(contender: Contender, load: LoadGenerator): Promise<Profile> {
    const folder = mkdtempSync(join(tmpdir(), 'meshwright-profile-'));
    const file = join(folder, 'perf.data');
    try {
      const recorder = this.hasPerf
        ? spawn('perf', ['record', '-q', '-g', '-e', 'cpu-clock', '-F', String(FREQUENCY), '-p', contender.processes.join(','), '-o', file],
          { stdio: 'ignore' })
        : undefined;
      const before = contender.accounting();
      const { units, processor } = await contender.measure(load);
      const after = contender.accounting();
      if (recorder !== undefined) {
        const ended = once(recorder, 'exit');
        recorder.kill('SIGINT');
        await ended;
      }
      const accounting: Accounting = {
        user: after.user - before.user,
        system: after.system - before.system,
        sleeps: after.sleeps - before.sleeps,
        losses: after.losses - before.losses,
      };
      return { name: contender.name, units, accounting, processor, places: recorder === undefined ? [] : this.placesIn(file) };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  private placesIn(file: string): Place[] {
    const { stdout, status, stderr } = spawnSync('perf', ['script', '-i', file, '-F', 'pid,ip,sym,symoff,dso', '--no-inline'],
      { encoding: 'utf8', maxBuffer: 2 ** 31, stdio: ['ignore', 'pipe', 'pipe'] });
    if (status !== 0) throw new Error(`perf script ended with ${status}: ${stderr.slice(-1000)}`);
    return parseSamples(stdout).map((sample) => this.rooms.placeOf(sample));
  }
}
