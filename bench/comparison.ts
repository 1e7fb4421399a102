import { once } from 'node:events';
import { createServer } from 'node:net';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Options } from './options';
import type { Peer } from './peers/peer';
import { Measured, type Accounting } from './process';
import { figure, type Figure } from './report';

/** Who is measured has this core for itself; load and application share the other. */
export const PROXY_CORE = 1;
export const LOAD_CORE = 0;

/** What a load generator did in one run. */
export interface Work {
  /** Requests, handshakes, bytes: whatever is counted. */
  readonly units: number;
  readonly seconds: number;
  /** Units that failed; one fails the comparison. */
  readonly failures: number;
  /** Microseconds; 0 where nothing is timed. */
  readonly p50: number;
  readonly p99: number;
}

/** Runs load, from processes whose processor time is known. */
export interface LoadGenerator {
  run(port: number): Promise<Work>;
  /** Nanoseconds on a processor so far. */
  processorTime(): number;
}

/** One round of one contender. */
export interface Round {
  /** Units a second. */
  readonly rate: number;
  /** Microseconds of processor time a unit, of all processes of the contender. */
  readonly processor: number;
  /** Part of its core that the load generator used; near 1 it is what is measured. */
  readonly loadShare: number;
  readonly p50: number;
  readonly p99: number;
}

/** A peer that runs. */
export class Contender {
  readonly rounds: Round[] = [];
  failures = 0;
  /** Megabytes (10⁶) a second after the start, before any load: resident, and what no other process shares. */
  idleResident = 0;
  idlePrivate = 0;
  private readonly running: Measured[] = [];

  constructor(readonly peer: Peer, private readonly core: number) {}

  static async start(peer: Peer, core = PROXY_CORE): Promise<Contender> {
    const contender = new Contender(peer, core);
    try {
      await contender.begin();
    } catch (error) {
      await contender.stop();
      throw error;
    }
    return contender;
  }

  private async begin(): Promise<void> {
    for (const { command, port } of this.peer.programs) {
      const started = Measured.start(this.peer.name, this.core, command);
      this.running.push(started);
      await started.ready(port);
    }
    // What starting up left behind is over: memory is read when nothing happens any more.
    await sleep(1000);
    this.idleResident = this.residentMemory();
    this.idlePrivate = this.sum((one) => one.privateMemory());
  }

  get name(): string {
    return this.peer.name;
  }

  /** Ids of its processes. */
  get processes(): number[] {
    return this.running.flatMap((one) => one.processes());
  }

  accounting(): Accounting {
    const all = this.running.map((one) => one.accounting());
    const sum = (key: keyof Accounting): number => all.reduce((total, one) => total + one[key], 0);
    return { user: sum('user'), system: sum('system'), sleeps: sum('sleeps'), losses: sum('losses') };
  }

  processorTime(): number {
    return this.sum((one) => one.processorTime());
  }

  residentMemory(): number {
    return this.sum((one) => one.residentMemory());
  }

  /** One run of the load, and what it took. */
  async measure(load: LoadGenerator): Promise<Round & Pick<Work, 'units'>> {
    const before = { proxy: this.processorTime(), load: load.processorTime() };
    const work = await load.run(this.peer.port);
    const after = { proxy: this.processorTime(), load: load.processorTime() };
    this.failures += work.failures;
    return {
      units: work.units,
      rate: work.units / work.seconds,
      processor: (after.proxy - before.proxy) / 1000 / Math.max(1, work.units),
      loadShare: (after.load - before.load) / 1e9 / work.seconds,
      p50: work.p50,
      p99: work.p99,
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.running.map(async (one) => one.stop()));
  }

  private sum(of: (one: Measured) => number): number {
    return this.running.reduce((total, one) => total + of(one), 0);
  }
}

/** Starts peers one after the other; runs `body`; ends them whatever happens, and fails where a unit of work did. */
export async function compare<T>(peers: readonly (() => Peer)[], body: (contenders: readonly Contender[]) => Promise<T>): Promise<T> {
  if (cpus().length < 2) throw new Error('A comparison needs two processors: one for who is measured, one for the load.');
  const contenders: Contender[] = [];
  try {
    for (const peer of peers) contenders.push(await Contender.start(peer()));
    const result = await body(contenders);
    const broken = contenders.filter(({ failures }) => failures > 0);
    if (broken.length > 0) throw new Error(`Requests failed, so nothing was measured: ${broken.map(({ name, failures }) => `${name} ${failures}`).join(', ')}`);
    return result;
  } finally {
    await Promise.all(contenders.map(async (contender) => contender.stop()));
  }
}

/** A warm-up each, so that V8 has compiled what is hot, then rounds that go from one contender to the next. */
export async function inTurns(contenders: readonly Contender[], { rounds, profiler }: Options, load: LoadGenerator, name: string): Promise<void> {
  for (const contender of contenders) for (let run = 0; run < 2; run++) await contender.measure(load);
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) contender.rounds.push(await contender.measure(load));
  }
  await profiler?.take(contenders, load, name);
}

export function figureOf(contender: Contender, key: keyof Round): Figure {
  return figure(contender.rounds.map((round) => round[key]));
}

/** Rounds are compared one by one: what disturbs the machine disturbs neighbours in time alike. */
export function ratio(ours: Contender, theirs: Contender, key: keyof Round): Figure {
  return figure(ours.rounds.map((round, index) => round[key] / theirs.rounds[index][key]));
}

/** The first of `count` ports in a row that are free now on 127.0.0.1, below those that the system gives to clients. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await Promise.all(Array.from({ length: count }, async (_, offset) => isFree(first + offset)));
    if (free.every(Boolean)) return first;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const outcome = Promise.race([once(server, 'listening').then(() => true), once(server, 'error').then(() => false)]);
  server.listen(port, '127.0.0.1');
  const free = await outcome;
  if (free) {
    server.close();
    await once(server, 'close');
  }
  return free;
}
