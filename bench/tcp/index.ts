import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { LOAD_CORE, compare, freePorts, inTurns, type Contender, type Round } from '../comparison';
import { TcpLoad } from '../load/tcp';
import type { Options } from '../options';
import { TCP_PEERS, type TcpSetting } from '../peers/tcp';
import { figure, machine, show, type Figure, type Report } from '../report';

const BULK_CONNECTIONS = 16;
const CALLERS = 64;
const ENDPOINTS = 4;
/** Bytes of ours to HAProxy's. */
const BAR = 1.3;

/** Bytes through each proxy in both directions, and connections a second: mode tcp beside stream and tcp_proxy, each alone on one core in turn. */
export async function tcp(options: Options): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'mw-'));
  const names = Object.keys(TCP_PEERS).filter((name) => !options.without.has(name));
  const root = resolve(__dirname, '../..');
  let load: TcpLoad | undefined;
  try {
    const first = await freePorts(ENDPOINTS + 2 * names.length);
    const setting: TcpSetting = {
      folder, root, node: options.profiler?.node, upstreams: Array.from({ length: ENDPOINTS }, (_, offset) => first + offset),
    };
    load = await TcpLoad.start(root, folder, LOAD_CORE, { firstPort: first, ports: ENDPOINTS });
    const bulk = load.generator({ kind: 'bulk', connections: BULK_CONNECTIONS, milliseconds: options.roundTime });
    const connect = load.generator({ kind: 'connect', connections: CALLERS, milliseconds: options.roundTime });
    const peers = names.map((name, index) => () => TCP_PEERS[name](setting, first + ENDPOINTS + 2 * index));
    return await compare(peers, async (contenders) => {
      await inTurns(contenders, options, bulk, 'megabytes');
      const bytes = new Map(contenders.map((contender) => [contender.name, contender.rounds.splice(0)]));
      const resident = new Map(contenders.map((contender) => [contender.name, contender.residentMemory()]));
      await inTurns(contenders, options, connect, 'connections');
      return report(contenders, bytes, resident);
    });
  } finally {
    load?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(contenders: readonly Contender[], bytes: ReadonlyMap<string, readonly Round[]>, resident: ReadonlyMap<string, number>): Report {
  const ours = contenders.find(({ name }) => name === 'meshwright')!;
  const reference = contenders.find(({ name }) => name === 'HAProxy') ?? ours;
  const of = (rounds: readonly Round[], key: keyof Round, scale = 1): Figure => figure(rounds.map((round) => round[key] * scale));
  const beside = (rounds: readonly Round[], others: readonly Round[], key: keyof Round): Figure =>
    figure(rounds.map((round, index) => round[key] / others[index][key]));
  const bytesOf = ({ name }: Contender): readonly Round[] => bytes.get(name)!;
  return {
    suite: 'tcp',
    title: `bytes over ${BULK_CONNECTIONS} connections in both directions, and connections by ${CALLERS} clients, one core each`,
    machine: machine({ rounds: String(ours.rounds.length), meshwright: ours.peer.version }),
    table: contenders.map((contender) => ({
      'proxy': `${contender.name} ${contender.peer.version}`,
      'MB/s': show(of(bytesOf(contender), 'rate')),
      [`× ${reference.name}`]: show(beside(bytesOf(contender), bytesOf(reference), 'rate'), 2),
      // Microseconds a megabyte are milliseconds a gigabyte.
      'CPU ms/GB': show(of(bytesOf(contender), 'processor')),
      // Bytes a second of processor time: what a busy machine, and a load core that is full, leave alone.
      '× by CPU': show(beside(bytesOf(reference), bytesOf(contender), 'processor'), 2),
      'load core': `${(of(bytesOf(contender), 'loadShare').median * 100).toFixed(0)} %`,
      'RSS MB': resident.get(contender.name)!.toFixed(0),
      'connections/s': show(of(contender.rounds, 'rate')),
      'CPU µs/connection': show(of(contender.rounds, 'processor'), 1),
      'p50 µs': show(of(contender.rounds, 'p50')),
      'p99 µs': show(of(contender.rounds, 'p99')),
    })),
    results: contenders.map((contender) => ({
      name: contender.name, version: contender.peer.version, bytes: bytesOf(contender), connections: contender.rounds,
    })),
    bars: reference === ours ? [] : [
      { name: 'bytes/s × HAProxy', value: beside(bytesOf(ours), bytesOf(reference), 'rate').median, kind: 'at least', limit: BAR },
      {
        name: 'bytes/s of processor time × HAProxy',
        value: beside(bytesOf(reference), bytesOf(ours), 'processor').median,
        kind: 'at least',
        limit: BAR,
      },
    ],
  };
}
