import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { LOAD_CORE, compare, freePorts, inTurns, type Contender, type LoadGenerator, type Round } from '../comparison';
import { Load } from '../load/load';
import { TlsLoad } from '../load/tls';
import type { Options } from '../options';
import { makePki, TLS_PEERS, tlsPair, tlsServer, type TlsSetting } from '../peers/tls';
import { figure, machine, show, type Bar, type Report } from '../report';

const CONNECTIONS = 64;
const HANDSHAKES_AT_ONCE = 32;
const BODY_BYTES = 1024;
const ENDPOINTS = 4;
/** Of ours to HAProxy's: requests and handshakes a second of processor time, at least; processor time a request of two sidecars together, at most. */
const REQUESTS = 0.95;
const HANDSHAKES = 0.95;
const PAIR_HAPROXY = 1;
const PAIR_ENVOY = 0.35;

interface Measured {
  readonly name: string;
  readonly version: string;
  readonly rounds: readonly Round[];
  readonly resident: number;
}

/** Mutual TLS 1.3 in front of an application: requests over connections that stay, full handshakes, and two sidecars with it between them. */
export async function tls(options: Options): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'mw-'));
  const root = resolve(__dirname, '../..');
  const kinds = TLS_PEERS.filter((kind) => !options.without.has(kind));
  let application: Load | undefined;
  let clients: TlsLoad | undefined;
  try {
    const first = await freePorts(ENDPOINTS + 4 * kinds.length);
    const pki = makePki(folder);
    const setting: TlsSetting = {
      folder, root, node: options.profiler?.node, pki, upstreams: Array.from({ length: ENDPOINTS }, (_, offset) => first + offset),
    };
    application = await Load.start(root, folder, LOAD_CORE, { firstPort: first, ports: ENDPOINTS, bodyBytes: BODY_BYTES });
    clients = await TlsLoad.start(root, folder, LOAD_CORE, pki);
    const shape = { milliseconds: options.roundTime, connections: CONNECTIONS };
    const port = (index: number): number => first + ENDPOINTS + 4 * index;
    const servers = kinds.map((kind, index) => () => tlsServer(kind, setting, port(index)));
    const pairs = kinds.map((kind, index) => () => tlsPair(kind, setting, port(index)));
    const requests = clients.generator({ ...shape, kind: 'requests' });
    const handshakes = clients.generator({ ...shape, kind: 'handshakes', connections: HANDSHAKES_AT_ONCE });
    const [asked, shaken] = await compare(servers, async (contenders) => [
      await measured(contenders, options, requests, 'requests'), await measured(contenders, options, handshakes, 'handshakes'),
    ]);
    const plain = application.generator({ ...shape, rate: 0 });
    const paired = await compare(pairs, async (contenders) => measured(contenders, options, plain, 'requests over two sidecars'));
    return report(asked, shaken, paired);
  } finally {
    clients?.stop();
    application?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measured(contenders: readonly Contender[], options: Options, load: LoadGenerator, name: string): Promise<Measured[]> {
  await inTurns(contenders, options, load, name);
  return contenders.map((contender) => ({
    name: contender.name, version: contender.peer.version, rounds: contender.rounds.splice(0), resident: contender.residentMemory(),
  }));
}

function report(asked: readonly Measured[], shaken: readonly Measured[], paired: readonly Measured[]): Report {
  const of = (all: readonly Measured[], name: string): Measured => all.find((one) => one.name === name)!;
  const ours = of(asked, 'meshwright');
  // Processor time of theirs to ours: what a busy machine leaves alone.
  const cheaper = (all: readonly Measured[], name: string): number => compared(of(all, name), of(all, 'meshwright'), 'processor');
  const bars: Bar[] = [];
  if (asked.some(({ name }) => name === 'HAProxy')) {
    bars.push(
      { name: 'requests by processor time × HAProxy', value: cheaper(asked, 'HAProxy'), kind: 'at least', limit: REQUESTS },
      { name: 'full mTLS handshakes by processor time × HAProxy', value: cheaper(shaken, 'HAProxy'), kind: 'at least', limit: HANDSHAKES },
      { name: 'processor time of two sidecars × HAProxy', value: 1 / cheaper(paired, 'HAProxy'), kind: 'at most', limit: PAIR_HAPROXY },
    );
  }
  if (paired.some(({ name }) => name === 'Envoy')) {
    bars.push({ name: 'processor time of two sidecars × Envoy', value: 1 / cheaper(paired, 'Envoy'), kind: 'at most', limit: PAIR_ENVOY });
  }
  return {
    suite: 'tls',
    title: `mutual TLS 1.3, ${CONNECTIONS} connections, ${BODY_BYTES} B answers; full handshakes with a request each; two sidecars; one core`,
    machine: machine({ rounds: String(ours.rounds.length), meshwright: ours.version }),
    table: asked.map(({ name, version, rounds, resident }) => ({
      'proxy': `${name} ${version}`,
      'requests/s': text(rounds, 'rate'),
      'CPU µs/request': text(rounds, 'processor', 1),
      'p99 µs': text(rounds, 'p99'),
      'handshakes/s': text(of(shaken, name).rounds, 'rate'),
      'CPU µs/handshake': text(of(shaken, name).rounds, 'processor'),
      'pair requests/s': text(of(paired, name).rounds, 'rate'),
      'pair CPU µs/request': text(of(paired, name).rounds, 'processor', 1),
      'load core': `${(figure(rounds.map(({ loadShare }) => loadShare)).median * 100).toFixed(0)} %`,
      'RSS MB': resident.toFixed(0),
    })),
    results: { asked, shaken, paired },
    bars,
  };
}

function text(rounds: readonly Round[], key: keyof Round, digits = 0): string {
  return show(figure(rounds.map((round) => round[key])), digits);
}

function compared(theirs: Measured, ours: Measured, key: keyof Round): number {
  return figure(ours.rounds.map((round, index) => theirs.rounds[index][key] / round[key])).median;
}
