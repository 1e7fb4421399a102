import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { LOAD_CORE, compare, figureOf, freePorts, inTurns, ratio, type Contender } from '../comparison';
import { Load } from '../load/load';
import type { Options } from '../options';
import { PEERS, relay, type Setting } from '../peers/policies';
import { machine, show, type Bar, type Report } from '../report';
import { countAllocations, type AllocationReport } from './allocations';

const CONNECTIONS = 64;
const BODY_BYTES = 1024;
const ENDPOINTS = 4;
/** Requests a second of ours to those of each peer. */
const BARS: Readonly<Record<string, number>> = { HAProxy: 1.25, nginx: 1.15, Envoy: 4 };

/**
 * What a request may allocate with all policies on: numbers that V8 puts in boxes, and one string each for what a policy or the log looks at. A promise,
 * a closure, a buffer or a string for each header would not fit.
 */
const MOST_OBJECTS = 16;
const MOST_BYTES = 640;
const MOST_EXTERNAL_BYTES = 64;

/** Our proxy beside HAProxy, nginx and Envoy, each alone on one core in turn, round after round. */
export async function h1(options: Options): Promise<Report> {
  return withPolicies(options, BODY_BYTES, async (contenders, load, setting) => {
    await inTurns(contenders, options, load.generator({ connections: CONNECTIONS, milliseconds: options.roundTime, rate: 0 }), 'requests');
    return report(contenders, await countAllocations({ ...setting, node: undefined }, await freePorts(2), load));
  });
}

/** Starts the peers with comparable policies before one application, and its clients. */
export async function withPolicies<T>(
  options: Options, bodyBytes: number, body: (contenders: readonly Contender[], load: Load, setting: Setting) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'mw-'));
  const names = Object.keys(PEERS).filter((name) => !options.without.has(name));
  const root = resolve(__dirname, '../..');
  let load: Load | undefined;
  try {
    const first = await freePorts(ENDPOINTS + 2 * names.length + 1);
    const setting: Setting = {
      folder, root, node: options.profiler?.node, upstreams: Array.from({ length: ENDPOINTS }, (_, offset) => first + offset),
    };
    load = await Load.start(root, folder, LOAD_CORE, { firstPort: first, ports: ENDPOINTS, bodyBytes });
    const started = load;
    const peers = names.map((name, index) => () => PEERS[name](setting, first + ENDPOINTS + 2 * index));
    // Of profiles only: what of a request is no proxy's.
    if (options.profiler !== undefined) peers.push(() => relay(setting, first + ENDPOINTS + 2 * names.length));
    return await compare(peers, async (contenders) => body(contenders, started, setting));
  } finally {
    load?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function allocated({ requests, byFunction }: AllocationReport): string {
  const most = byFunction.slice(0, 10).map(([name, objects, bytes]) => `${name} ${objects.toFixed(2)} (${bytes.toFixed(0)} B)`);
  return `Allocated for a request of ours, counted over ${requests}: ${most.join(', ')}.`;
}

function report(contenders: readonly Contender[], allocations: AllocationReport): Report {
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
    notes: [allocated(allocations)],
    results: {
      proxies: contenders.map(({ peer, rounds, idleResident, idlePrivate }) => (
        { name: peer.name, version: peer.version, rounds, idleResident, idlePrivate })),
      allocations,
    },
    bars: [
      ...bars,
      { name: 'objects allocated a request', value: allocations.objects, kind: 'at most', limit: MOST_OBJECTS, exact: true },
      { name: 'bytes of heap allocated a request', value: allocations.heapBytes, kind: 'at most', limit: MOST_BYTES, exact: true },
      { name: 'bytes allocated outside of the heap', value: allocations.externalBytes, kind: 'at most', limit: MOST_EXTERNAL_BYTES, exact: true },
    ],
  };
}
