import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOAD_CORE, compare, freePorts, type Contender } from '../comparison';
import { ConnectionLoad } from '../load/conns';
import type { Options } from '../options';
import { PEERS, type Setting } from '../peers/policies';
import { machine, type Bar, type Report } from '../report';

const CONNECTIONS = 10_000;
const BIG = 1e9;
const ENDPOINTS = 4;
/** Milliseconds between two looks at a proxy's memory. */
const LOOK = 20;

interface Memory {
  /** Megabytes (10⁶) resident with all connections open, and what they take of it each, in kB. */
  readonly connected: number;
  readonly kilobytes: number;
  /** The most that was resident while the slow reader read, above idle, and how long it took. */
  readonly slow: number;
  readonly seconds: number;
}

/** Memory of our proxy beside its peers': idle, with many idle connections, and with a client that reads slower than it is sent. */
export async function conns(options: Options): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'mw-'));
  const root = resolve(__dirname, '../..');
  const names = Object.keys(PEERS).filter((name) => !options.without.has(name));
  const connections = options.smoke ? CONNECTIONS / 100 : CONNECTIONS;
  const bytes = options.smoke ? BIG / 100 : BIG;
  let load: ConnectionLoad | undefined;
  try {
    const first = await freePorts(ENDPOINTS + 2 * names.length);
    const setting: Setting = {
      folder, root, upstreams: Array.from({ length: ENDPOINTS }, (_, offset) => first + offset), clients: connections + 100, patient: true,
    };
    load = await ConnectionLoad.start(root, LOAD_CORE, { firstPort: first, ports: ENDPOINTS });
    const started = load;
    const peers = names.map((name, index) => () => PEERS[name](setting, first + ENDPOINTS + 2 * index));
    return await compare(peers, async (contenders) => {
      const memory = new Map<string, Memory>();
      for (const contender of contenders) memory.set(contender.name, await measure(contender, started, connections, bytes));
      return report(contenders, memory, connections, bytes);
    });
  } finally {
    load?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The slow reader first: what ten thousand connections leave behind would hide it. */
async function measure(contender: Contender, load: ConnectionLoad, connections: number, bytes: number): Promise<Memory> {
  const { port } = contender.peer;
  const idle = contender.residentMemory();
  let most = idle;
  let reading = true;
  const looks = (async () => {
    while (reading) {
      most = Math.max(most, contender.residentMemory());
      await sleep(LOOK);
    }
  })();
  const { seconds } = await load.slow(port, bytes).finally(async () => {
    reading = false;
    await looks;
  });
  const before = contender.residentMemory();
  await load.open(port, connections);
  await sleep(1000);
  const connected = contender.residentMemory();
  await load.close();
  return { connected, kilobytes: ((connected - before) * 1000) / connections, slow: most - idle, seconds };
}

function report(contenders: readonly Contender[], memory: ReadonlyMap<string, Memory>, connections: number, bytes: number): Report {
  const ours = contenders.find(({ name }) => name === 'meshwright')!;
  const of = ({ name }: Contender): Memory => memory.get(name)!;
  const bars: Bar[] = [
    { name: 'idle RSS, MB', value: ours.idleResident, kind: 'at most', limit: 55 },
    { name: 'idle private memory, MB', value: ours.idlePrivate, kind: 'at most', limit: 15 },
    { name: `RSS at ${connections} idle connections, MB`, value: of(ours).connected, kind: 'at most', limit: 150 },
    { name: `RSS above idle with a slow reader of ${bytes / 1e6} MB, MB`, value: of(ours).slow, kind: 'at most', limit: 20 },
  ];
  return {
    suite: 'conns',
    title: `memory in MB (10⁶): idle, at ${connections} idle connections, and with a slow reader of ${bytes / 1e6} MB`,
    machine: machine({ meshwright: ours.peer.version }),
    table: contenders.map((contender) => ({
      'proxy': `${contender.name} ${contender.peer.version}`,
      'idle RSS': contender.idleResident.toFixed(1),
      'idle private': contender.idlePrivate.toFixed(1),
      [`RSS at ${connections}`]: of(contender).connected.toFixed(1),
      'kB/connection': of(contender).kilobytes.toFixed(2),
      'slow reader, above idle': of(contender).slow.toFixed(1),
      'it took s': of(contender).seconds.toFixed(1),
    })),
    results: contenders.map(({ name, peer, idleResident, idlePrivate }) => (
      { name, version: peer.version, idleResident, idlePrivate, ...memory.get(name) })),
    bars,
  };
}
