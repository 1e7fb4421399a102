import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Options } from '../options';
import { Measured } from '../process';
import { figure, machine, show, type Figure, type Report } from '../report';
import { Load, type LoadResult } from './load';
import { envoy, haproxy, meshwright, nginx, type Peer, type Setting } from './peers';

const CONNECTIONS = 64;
const BODY_BYTES = 1024;
/** Requests a second at which latency is compared; every peer carries it with room to spare. */
const FIXED_RATE = 5000;
const LOAD_CORE = 0;
const PROXY_CORE = 1;
const FIRST_UPSTREAM = 18101;
const FIRST_PROXY = 18120;

interface Measurement {
  readonly rate: number;
  /** Microseconds of processor time a request. */
  readonly processor: number;
  /** Part of its core that the load generator used; near 1 it is what is measured. */
  readonly loadShare: number;
  readonly p50: number;
  readonly p99: number;
}

interface Subject {
  readonly peer: Peer;
  readonly process: Measured;
  readonly idle: number;
  readonly idlePrivate: number;
  readonly saturated: Measurement[];
  readonly fixed: LoadResult[];
  errors: number;
}

/** Our proxy beside HAProxy and nginx, each alone on one core in turn, round after round. */
export async function h1(options: Options): Promise<Report> {
  if (cpus().length < 2) throw new Error('h1 needs two processors: one for the proxy, one for the load.');
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-bench-'));
  const root = resolve(__dirname, '../..');
  const setting: Setting = { folder, root, upstreams: [0, 1, 2, 3].map((offset) => FIRST_UPSTREAM + offset) };
  const load = await Load.start(join(root, 'bench/h1/load.c'), folder, LOAD_CORE, { firstPort: FIRST_UPSTREAM, ports: setting.upstreams.length, bodyBytes: BODY_BYTES });
  const subjects: Subject[] = [];
  try {
    const kinds = [haproxy, nginx, meshwright, ...(options.envoy ? [envoy] : [])];
    for (const [index, kind] of kinds.entries()) subjects.push(await start(kind(setting, FIRST_PROXY + index * 2)));
    const run = options.smoke ? 300 : 4000;
    // Twice the time of a round, so that V8 has compiled what is hot.
    for (const subject of subjects) await load.run({ port: subject.peer.port, connections: CONNECTIONS, milliseconds: 2 * run, rate: 0 });
    for (let round = 0; round < options.rounds; round++) {
      for (const subject of subjects) subject.saturated.push(await saturate(subject, load, run));
    }
    const direct: LoadResult[] = [];
    for (let round = 0; round < Math.min(3, options.rounds); round++) {
      direct.push(await load.run({ port: FIRST_UPSTREAM, connections: 16, milliseconds: run, rate: FIXED_RATE }));
      for (const subject of subjects) {
        const result = await load.run({ port: subject.peer.port, connections: 16, milliseconds: run, rate: FIXED_RATE });
        subject.errors += result.errors + result.not200;
        subject.fixed.push(result);
      }
    }
    const broken = subjects.filter((subject) => subject.errors > 0);
    if (broken.length > 0) throw new Error(`Requests failed, so nothing was measured: ${broken.map(({ peer, errors }) => `${peer.name} ${errors}`).join(', ')}`);
    return report(subjects, direct);
  } finally {
    await Promise.all(subjects.map((subject) => subject.process.stop()));
    load.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function start(peer: Peer): Promise<Subject> {
  const process = Measured.start(peer.name, PROXY_CORE, peer.command);
  try {
    await process.ready(peer.port);
  } catch (error) {
    await process.stop();
    throw error;
  }
  // What starting up left behind is over: memory is read when nothing happens any more.
  await new Promise((resolve_) => setTimeout(resolve_, 1000));
  return { peer, process, idle: process.residentMemory(), idlePrivate: process.privateMemory(), saturated: [], fixed: [], errors: 0 };
}

async function saturate(subject: Subject, load: Load, milliseconds: number): Promise<Measurement> {
  const before = { proxy: subject.process.processorTime(), load: load.processorTime() };
  const result = await load.run({ port: subject.peer.port, connections: CONNECTIONS, milliseconds, rate: 0 });
  const after = { proxy: subject.process.processorTime(), load: load.processorTime() };
  subject.errors += result.errors + result.not200;
  return {
    rate: result.requests / result.seconds,
    processor: (after.proxy - before.proxy) / 1000 / Math.max(1, result.requests),
    loadShare: (after.load - before.load) / 1e9 / result.seconds,
    p50: result.p50,
    p99: result.p99,
  };
}

interface Summary {
  readonly name: string;
  readonly version: string;
  readonly rate: Figure;
  readonly processor: Figure;
  readonly loadShare: Figure;
  readonly p50: Figure;
  readonly p99: Figure;
  readonly fixedP50: Figure;
  readonly fixedP99: Figure;
  readonly idleResident: number;
  readonly idlePrivate: number;
  readonly loadedResident: number;
}

function summarize({ peer, process, saturated, fixed, idle, idlePrivate }: Subject): Summary {
  const of = (key: keyof Measurement) => figure(saturated.map((measurement) => measurement[key]));
  return {
    name: peer.name,
    version: peer.version,
    rate: of('rate'),
    processor: of('processor'),
    loadShare: of('loadShare'),
    p50: of('p50'),
    p99: of('p99'),
    fixedP50: figure(fixed.map((result) => result.p50)),
    fixedP99: figure(fixed.map((result) => result.p99)),
    idleResident: idle,
    idlePrivate,
    loadedResident: process.residentMemory(),
  };
}

function report(subjects: readonly Subject[], direct: readonly LoadResult[]): Report {
  const summaries = subjects.map(summarize);
  const ours = summaries.find((summary) => summary.name === 'meshwright')!;
  // Rounds are compared one by one: what disturbs the machine disturbs neighbours in time alike.
  const reference = subjects.find(({ peer }) => peer.name === 'HAProxy')!.saturated;
  const ratios = new Map(subjects.map(({ peer, saturated }) =>
    [peer.name, figure(saturated.map(({ rate }, round) => rate / reference[round].rate))]));
  return {
    suite: `h1: HTTP/1.1, ${CONNECTIONS} connections, ${BODY_BYTES} B answers, all policies on, one core each`,
    machine: machine({ rounds: String(subjects[0].saturated.length), meshwright: ours.version }),
    table: summaries.map((summary) => ({
      'proxy': `${summary.name} ${summary.version}`,
      'requests/s': show(summary.rate),
      '× HAProxy': show(ratios.get(summary.name)!, 2),
      'CPU µs/request': show(summary.processor, 1),
      'p50 µs': show(summary.p50),
      'p99 µs': show(summary.p99),
      [`p50 µs at ${FIXED_RATE}/s`]: show(summary.fixedP50),
      [`p99 µs at ${FIXED_RATE}/s`]: show(summary.fixedP99),
      'idle RSS MB': summary.idleResident.toFixed(0),
      'private MB': summary.idlePrivate.toFixed(0),
      'loaded RSS MB': summary.loadedResident.toFixed(0),
      'load core': `${(summary.loadShare.median * 100).toFixed(0)} %`,
    })),
    results: { proxies: summaries, ratios: Object.fromEntries(ratios), direct },
    bars: [
      { name: 'requests/s beside HAProxy, median of the rounds', value: ratios.get('meshwright')!.median, kind: 'at least', limit: 1.0 },
      { name: 'idle RSS, MB', value: ours.idleResident, kind: 'at most', limit: 60 },
    ],
  };
}
