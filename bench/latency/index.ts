import type { Contender, Round } from '../comparison';
import { withPolicies } from '../h1';
import type { Options } from '../options';
import { figure, machine, show, type Figure, type Report } from '../report';

/** Requests a second at which latency is compared; every peer carries it with room to spare. */
const RATE = 5000;
const CONNECTIONS = 16;
const BODY_BYTES = 1024;

/** What a proxy adds to a request's time at a fixed rate: with it, less the same load straight at the application, round by round. */
export async function latency(options: Options): Promise<Report> {
  return withPolicies(options, BODY_BYTES, async (contenders, load, setting) => {
    const generator = load.generator({ connections: CONNECTIONS, milliseconds: options.roundTime, rate: RATE });
    const direct: Quantiles[] = [];
    for (const contender of contenders) for (let run = 0; run < 2; run++) await contender.measure(generator);
    for (let round = 0; round < options.rounds; round++) {
      direct.push(await generator.run(setting.upstreams[0]));
      for (const contender of contenders) contender.rounds.push(await contender.measure(generator));
    }
    await options.profiler?.take(contenders, generator, `${RATE} requests/s`);
    return report(contenders, direct);
  });
}

type Quantiles = Pick<Round, 'p50' | 'p99'>;

function added(contender: Contender, direct: readonly Quantiles[], key: keyof Quantiles): Figure {
  return figure(contender.rounds.map((round, index) => round[key] - direct[index][key]));
}

function report(contenders: readonly Contender[], direct: readonly Quantiles[]): Report {
  const ours = contenders.find(({ name }) => name === 'meshwright')!;
  const haproxy = contenders.find(({ name }) => name === 'HAProxy');
  const shown = (key: keyof Quantiles) => show(figure(direct.map((round) => round[key])));
  /** Of the medians: what is added to one round may be near 0, and then a ratio of it says nothing. */
  const beside = (key: keyof Quantiles) => added(ours, direct, key).median / added(haproxy!, direct, key).median;
  return {
    suite: 'latency',
    title: `HTTP/1.1, ${RATE} requests/s in an open loop over ${CONNECTIONS} connections, ${BODY_BYTES} B answers, all policies on`,
    machine: machine({ rounds: String(ours.rounds.length), meshwright: ours.peer.version }),
    table: [
      { 'proxy': 'none', 'p50 µs': shown('p50'), 'p99 µs': shown('p99') },
      ...contenders.map((contender) => ({
        'proxy': `${contender.name} ${contender.peer.version}`,
        'p50 µs': show(figure(contender.rounds.map(({ p50 }) => p50))),
        'p99 µs': show(figure(contender.rounds.map(({ p99 }) => p99))),
        'added p50 µs': show(added(contender, direct, 'p50')),
        'added p99 µs': show(added(contender, direct, 'p99')),
        'CPU µs/request': show(figure(contender.rounds.map(({ processor }) => processor)), 1),
      })),
    ],
    results: { direct, proxies: contenders.map(({ peer, rounds }) => ({ name: peer.name, version: peer.version, rounds })) },
    bars: haproxy === undefined ? [] : [
      { name: 'added p50 × HAProxy\'s', value: beside('p50'), kind: 'at most', limit: 1 },
      { name: 'added p99 × HAProxy\'s', value: beside('p99'), kind: 'at most', limit: 1.2 },
    ],
  };
}
