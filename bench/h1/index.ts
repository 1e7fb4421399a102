import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { LOAD_CORE, compare, figureOf, freePorts, inTurns, ratio, type Contender } from '../comparison';
import { Load } from '../load/load';
import type { Options } from '../options';
import { PEERS, type Setting } from '../peers/policies';
import { machine, show, type Bar, type Report } from '../report';

const CONNECTIONS = 64;
const BODY_BYTES = 1024;
const ENDPOINTS = 4;
/** Requests a second of ours to those of each peer. */
const BARS: Readonly<Record<string, number>> = { HAProxy: 1.25, nginx: 1.15, Envoy: 4 };

/** Our proxy beside HAProxy, nginx and Envoy, each alone on one core in turn, round after round. */
export async function h1(options: Options): Promise<Report> {
  return withPolicies(options, BODY_BYTES, async (contenders, load) => {
    await inTurns(contenders, options, load.generator({ connections: CONNECTIONS, milliseconds: options.roundTime, rate: 0 }));
    return report(contenders);
  });
}

/** Starts the peers with comparable policies before one application, and its clients. */
export async function withPolicies<T>(
  options: Options, bodyBytes: number, body: (contenders: readonly Contender[], load: Load, setting: Setting) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-bench-'));
  const names = Object.keys(PEERS).filter((name) => !options.without.has(name));
  const root = resolve(__dirname, '../..');
  let load: Load | undefined;
  try {
    const first = await freePorts(ENDPOINTS + 2 * names.length);
    const setting: Setting = { folder, root, upstreams: Array.from({ length: ENDPOINTS }, (_, offset) => first + offset) };
    load = await Load.start(root, folder, LOAD_CORE, { firstPort: first, ports: ENDPOINTS, bodyBytes });
    const started = load;
    const peers = names.map((name, index) => () => PEERS[name](setting, first + ENDPOINTS + 2 * index));
    return await compare(peers, async (contenders) => body(contenders, started, setting));
  } finally {
    load?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(contenders: readonly Contender[]): Report {
  const ours = contenders.find(({ name }) => name === 'meshwright')!;
  const reference = contenders.find(({ name }) => name === 'HAProxy') ?? ours;
  const bars = contenders.filter(({ name }) => name in BARS)
    .map((peer): Bar => ({ name: `requests/s × ${peer.name}`, value: ratio(ours, peer, 'rate').median, kind: 'at least', limit: BARS[peer.name] }));
  return {
    suite: 'h1',
    title: `HTTP/1.1, ${CONNECTIONS} connections, ${BODY_BYTES} B answers, all policies on, one core each`,
    machine: machine({ rounds: String(ours.rounds.length), meshwright: ours.peer.version }),
    table: contenders.map((contender) => ({
      'proxy': `${contender.name} ${contender.peer.version}`,
      'requests/s': show(figureOf(contender, 'rate')),
      [`× ${reference.name}`]: show(ratio(contender, reference, 'rate'), 2),
      'CPU µs/request': show(figureOf(contender, 'processor'), 1),
      // Requests a second of processor time: what a busy machine leaves alone.
      '× by CPU': show(ratio(reference, contender, 'processor'), 2),
      'p50 µs': show(figureOf(contender, 'p50')),
      'p99 µs': show(figureOf(contender, 'p99')),
      'idle RSS MB': contender.idleResident.toFixed(0),
      'private MB': contender.idlePrivate.toFixed(0),
      'loaded RSS MB': contender.residentMemory().toFixed(0),
      'load core': `${(figureOf(contender, 'loadShare').median * 100).toFixed(0)} %`,
    })),
    results: contenders.map(({ peer, rounds, idleResident, idlePrivate }) => ({ name: peer.name, version: peer.version, rounds, idleResident, idlePrivate })),
    bars: [
      ...bars,
      { name: 'idle RSS, MB', value: ours.idleResident, kind: 'at most', limit: 55 },
      { name: 'idle private memory, MB', value: ours.idlePrivate, kind: 'at most', limit: 15 },
    ],
  };
}
