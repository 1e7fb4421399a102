import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONTROL_PLANE_FLAGS } from '../../images/planes';
import { PROXY_CORE, freePorts } from '../comparison';
import type { Options } from '../options';
import { figure, machine, show, type Bar, type Figure, type Report } from '../report';
import { snapshotsFor, type Scope } from './mesh';
import { Streams, Talking } from './streams';

const OURS = 'meshwright';
const THEIRS = 'go-control-plane';
/** Proxies of each measurement; the bars are of the second. */
const SIZES = [100, 1000, 2000];
const JUDGED = 1000;
/** Milliseconds between two changes: what one leaves behind is over before the next. */
const PAUSE = 200;
/** Changes for each round that the options ask for. */
const CHANGES = 6;

interface Change {
  /** Milliseconds to the last acknowledgement. */
  readonly last: number;
  /** Milliseconds on a processor until everything is quiet again. */
  readonly processor: number;
}

interface Measurement {
  readonly name: string;
  readonly scope: Scope;
  readonly proxies: number;
  readonly concerned: number;
  readonly changes: readonly Change[];
  /** Megabytes (10⁶) resident with all streams open, after the changes. */
  readonly resident: number;
  /** Seconds from the end of the old process to the last proxy that has everything from the new one. */
  readonly reconnected: number;
}

/** A server and its clients. */
class Serving {
  readonly changes: Change[] = [];
  resident = 0;
  reconnected = 0;

  private constructor(readonly name: string, private server: Talking, readonly streams: Streams, private readonly begin: () => Promise<Talking>) {}

  static async start(name: string, command: readonly string[], open: () => Promise<Streams>): Promise<Serving> {
    const begin = async () => Talking.start(PROXY_CORE, command);
    const server = await begin();
    try {
      return new Serving(name, server, await open(), begin);
    } catch (error) {
      await server.stop('SIGKILL');
      throw error;
    }
  }

  async change(): Promise<Change> {
    const processor = this.processorTime();
    const acknowledged = this.streams.watch();
    // The clients have begun to count before anything changes: they answer nothing until then, so the time of a pipe is waited out.
    await sleep(20);
    const begin = Number(process.hrtime.bigint());
    this.server.say('change');
    const end = await acknowledged;
    // The last acknowledgement is on its way, and what it lets go is to be collected.
    await sleep(PAUSE);
    return { last: (end - begin) / 1e6, processor: (this.processorTime() - processor) / 1e6 };
  }

  async restart(): Promise<void> {
    const everybody = this.streams.again();
    const begin = Number(process.hrtime.bigint());
    await this.server.stop('SIGKILL');
    this.server = await this.begin();
    this.reconnected = (await everybody - begin) / 1e9;
  }

  residentMemory(): number {
    return (Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.server.child.pid}/status`, 'utf8'))![1]) * 1024) / 1e6;
  }

  async stop(): Promise<void> {
    await this.streams.close();
    await this.server.stop('SIGKILL');
  }

  private processorTime(): number {
    const tasks = `/proc/${this.server.child.pid}/task`;
    return readdirSync(tasks).reduce((sum, thread) => sum + Number(readFileSync(`${tasks}/${thread}/schedstat`, 'utf8').split(' ')[0]), 0);
  }
}

/** Our control plane beside go-control-plane's server, with the same resources and the same clients: changes, memory, restarts. */
export async function controlPlane(options: Options): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'mw-'));
  try {
    const measurements: Measurement[] = [];
    for (const scope of ['unscoped', 'scoped'] as const) {
      for (const proxies of options.smoke ? [SIZES[0]!] : SIZES) measurements.push(...await measure(scope, proxies, options, folder));
    }
    return report(measurements, options);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(scope: Scope, proxies: number, options: Options, folder: string): Promise<Measurement[]> {
  const root = resolve(__dirname, '../..');
  const first = await freePorts(2);
  const resources = join(folder, `${scope}.json`);
  writeFileSync(resources, JSON.stringify(snapshotsFor(scope)));
  const node = execFileSync(process.execPath, [join(root, 'scripts/peer.mjs'), 'node', '24'], { encoding: 'utf8' }).trim();
  const commands: [string, () => readonly string[]][] = [
    [OURS, () => [node, ...CONTROL_PLANE_FLAGS, join(root, 'build/bench/control-plane/server.js'), scope, String(first)]],
    [THEIRS, () => [
      execFileSync(process.execPath, [join(root, 'scripts/peer.mjs'), 'go-control-plane'], { encoding: 'utf8' }).trim(),
      '-listen', `127.0.0.1:${first + 1}`, '-resources', resources,
    ]],
  ];
  const contenders: Serving[] = [];
  try {
    for (const [index, [name, command]] of commands.entries()) {
      if (options.without.has(name)) continue;
      contenders.push(await Serving.start(name, command(), async () => Streams.open(root, first + index, proxies, scope)));
    }
    for (const one of contenders) for (let warm = 0; warm < (options.smoke ? 1 : 5); warm++) await one.change();
    const changes = options.smoke ? 1 : options.rounds * CHANGES;
    for (let round = 0; round < changes; round++) for (const one of contenders) one.changes.push(await one.change());
    for (const one of contenders) {
      one.resident = one.residentMemory();
      await one.restart();
    }
    return contenders.map(({ name, streams, changes: all, resident, reconnected }) => (
      { name, scope, proxies, concerned: streams.concerned, changes: all, resident, reconnected }));
  } finally {
    await Promise.all(contenders.map(async (one) => one.stop()));
  }
}

function ratio(ours: Measurement, theirs: Measurement, key: keyof Change): Figure {
  return figure(ours.changes.map((change, index) => change[key] / theirs.changes[index]![key]));
}

function report(measurements: readonly Measurement[], options: Options): Report {
  const find = (name: string, scope: Scope, proxies: number) => (
    measurements.find((one) => one.name === name && one.scope === scope && one.proxies === proxies));
  const ours = find(OURS, 'unscoped', JUDGED);
  const theirs = find(THEIRS, 'unscoped', JUDGED);
  const of = ({ changes }: Measurement, key: keyof Change) => figure(changes.map((change) => change[key]));
  const bars: Bar[] = !ours ? [] : [
    ...theirs ? [
      // Medians of each are compared as the bar says it, not the ratio of neighbours.
      { name: 'p50 to the last ACK, × go-control-plane', value: of(ours, 'last').median / of(theirs, 'last').median, kind: 'at most' as const, limit: 0.6 },
      { name: 'CPU of a push, × go-control-plane', value: of(ours, 'processor').median / of(theirs, 'processor').median, kind: 'at most' as const, limit: 0.4 },
    ] : [],
    { name: `RSS at ${JUDGED} proxies, MB`, value: ours.resident, kind: 'at most', limit: 200 },
    { name: `${JUDGED} proxies connect anew, s`, value: ours.reconnected, kind: 'at most', limit: 8 },
  ];
  return {
    suite: 'control-plane',
    title: 'one of 1,000 endpoints changes, in a mesh of 100 services; proxies by delta ADS, unscoped and scoped by calls',
    machine: machine({ node: '24', rounds: String(options.rounds) }),
    table: measurements.map((one) => {
      const peer = find(THEIRS, one.scope, one.proxies);
      return {
        'server': one.name,
        'config': one.scope,
        'proxies': String(one.proxies),
        'concerned': String(one.concerned),
        'last ACK ms': show(of(one, 'last')),
        'CPU ms/push': show(of(one, 'processor'), 1),
        '× last ACK, × CPU': one.name !== OURS || !peer ? ''
          : [ratio(one, peer, 'last'), ratio(one, peer, 'processor')].map(({ median }) => median.toFixed(2)).join(', '),
        'RSS MB': one.resident.toFixed(0),
        'reconnected s': one.reconnected.toFixed(2),
      };
    }),
    results: measurements,
    bars,
  };
}
