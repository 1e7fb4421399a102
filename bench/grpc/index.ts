import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { LOAD_CORE, compare, figureOf, freePorts, inTurns, ratio, type Contender } from '../comparison';
import { Http2Load } from '../load/h2';
import type { Options } from '../options';
import { makePki, tlsPair, type TlsSetting } from '../peers/tls';
import { machine, show, type Bar, type Report } from '../report';

const CONNECTIONS = 8;
const STREAMS = 8;
const MESSAGE_BYTES = 1024;
const ENDPOINTS = 4;
/** nginx has no sidecar of gRPC that would keep an upstream's connections over `grpc_pass` with all the policies of the others. */
const KINDS = ['haproxy', 'envoy', 'meshwright'];
/** Processor time a call of both sidecars together, to that of each peer. */
const BARS: Readonly<Record<string, number>> = { HAProxy: 1, Envoy: 0.35 };

/** Unary calls: client → sidecar → mutual TLS → sidecar → server, HTTP/2 on each hop, with the policies of `h1`; both sidecars on one core. */
export async function grpc(options: Options): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'mw-'));
  const kinds = KINDS.filter((kind) => !options.without.has(kind));
  const root = resolve(__dirname, '../..');
  let load: Http2Load | undefined;
  try {
    const first = await freePorts(ENDPOINTS + 4 * kinds.length);
    const upstreams = Array.from({ length: ENDPOINTS }, (_, offset) => first + offset);
    const setting: TlsSetting = { folder, root, node: options.profiler?.node, pki: makePki(folder), upstreams, http2: true, grpc: true };
    load = await Http2Load.start(root, folder, LOAD_CORE, { firstPort: first, ports: ENDPOINTS, bodyBytes: MESSAGE_BYTES, grpc: true });
    const generator = load.generator({ connections: CONNECTIONS, streams: STREAMS, milliseconds: options.roundTime });
    const peers = kinds.map((kind, index) => () => tlsPair(kind, setting, first + ENDPOINTS + 4 * index));
    return await compare(peers, async (contenders) => {
      await inTurns(contenders, options, generator, 'calls over two sidecars');
      return report(contenders);
    });
  } finally {
    load?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(contenders: readonly Contender[]): Report {
  const ours = contenders.find(({ name }) => name === 'meshwright')!;
  const bars = contenders.filter(({ name }) => name in BARS).map((peer): Bar => ({
    name: `processor time of two sidecars × ${peer.name}`, value: ratio(ours, peer, 'processor').median, kind: 'at most', limit: BARS[peer.name],
  }));
  return {
    suite: 'grpc',
    title: `gRPC unary over two sidecars and mutual TLS 1.3, ${CONNECTIONS} connections × ${STREAMS} streams, ${MESSAGE_BYTES} B messages; one core`,
    machine: machine({ rounds: String(ours.rounds.length), meshwright: ours.peer.version }),
    table: contenders.map((contender) => ({
      'proxy': `${contender.name} ${contender.peer.version}`,
      'calls/s': show(figureOf(contender, 'rate')),
      'CPU µs/call': show(figureOf(contender, 'processor'), 1),
      'ours × by CPU': show(ratio(ours, contender, 'processor'), 2),
      'p50 µs': show(figureOf(contender, 'p50')),
      'p99 µs': show(figureOf(contender, 'p99')),
      'loaded RSS MB': contender.residentMemory().toFixed(0),
      'load core': `${(figureOf(contender, 'loadShare').median * 100).toFixed(0)} %`,
    })),
    results: contenders.map(({ peer, rounds }) => ({ name: peer.name, version: peer.version, rounds })),
    bars,
  };
}
