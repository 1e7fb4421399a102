import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { LOAD_CORE, compare, figureOf, freePorts, inTurns, ratio, type Contender } from '../comparison';
import { Http2Load } from '../load/h2';
import type { Options } from '../options';
import { PEERS, type Setting } from '../peers/policies';
import { machine, show, type Bar, type Report } from '../report';

const CONNECTIONS = 8;
const STREAMS = 32;
const BODY_BYTES = 1024;
const ENDPOINTS = 4;
/** Requests a second of ours to those of each peer. */
const BARS: Readonly<Record<string, number>> = { HAProxy: 1, nginx: 2, Envoy: 3 };

/** HTTP/2 on both sides through one proxy on one core, with the policies of `h1`; nginx speaks HTTP/1.1 to its upstreams. */
export async function h2(options: Options): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'mw-'));
  const names = Object.keys(PEERS).filter((name) => !options.without.has(name));
  const root = resolve(__dirname, '../..');
  let load: Http2Load | undefined;
  try {
    const first = await freePorts(ENDPOINTS + 2 * names.length);
    const setting: Setting = {
      folder, root, node: options.profiler?.node, upstreams: Array.from({ length: ENDPOINTS }, (_, offset) => first + offset), http2: true,
    };
    load = await Http2Load.start(root, folder, LOAD_CORE, { firstPort: first, ports: ENDPOINTS, bodyBytes: BODY_BYTES });
    const generator = load.generator({ connections: CONNECTIONS, streams: STREAMS, milliseconds: options.roundTime });
    const peers = names.map((name, index) => () => PEERS[name](setting, first + ENDPOINTS + 2 * index));
    return await compare(peers, async (contenders) => {
      await inTurns(contenders, options, generator, 'requests');
      return report(contenders);
    });
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
    suite: 'h2',
    title: `HTTP/2, ${CONNECTIONS} connections × ${STREAMS} streams, ${BODY_BYTES} B answers, all policies on, one core each`,
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
      'loaded RSS MB': contender.residentMemory().toFixed(0),
      'load core': `${(figureOf(contender, 'loadShare').median * 100).toFixed(0)} %`,
    })),
    results: contenders.map(({ peer, rounds }) => ({ name: peer.name, version: peer.version, rounds })),
    bars,
  };
}
