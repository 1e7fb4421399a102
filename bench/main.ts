/** `npm run bench -- SUITE… | all [--json FILE] [--rounds N] [--without PEER] [--smoke]`: see README.md beside this file. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { conns } from './conns';
import { controlPlane } from './control-plane';
import { grpc } from './grpc';
import { h1 } from './h1';
import { h2 } from './h2';
import { latency } from './latency';
import { alone } from './lock';
import type { Options } from './options';
import { holds, print, printSummary, type Report } from './report';
import { synth } from './synth';
import { tcp } from './tcp';
import { tls } from './tls';

const SUITES: Readonly<Record<string, (options: Options) => Promise<Report>>> = { synth, h1, h2, grpc, latency, conns, tcp, tls, 'control-plane': controlPlane };
const USAGE = `usage: npm run bench -- ${Object.keys(SUITES).join(' | ')} | all [--json FILE] [--rounds N] [--without haproxy|nginx|envoy|go-control-plane]… [--smoke]`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'string' }, rounds: { type: 'string' }, without: { type: 'string', multiple: true }, smoke: { type: 'boolean', default: false },
    },
  });
  const names = positionals.flatMap((name) => (name === 'all' ? Object.keys(SUITES) : [name]));
  const unknown = names.filter((name) => !(name in SUITES));
  const rounds = Number(values.rounds ?? (values.smoke ? 1 : 5));
  if (names.length === 0 || unknown.length > 0 || !(rounds >= 1)) {
    if (unknown.length > 0) console.error(`There is no suite ${unknown.join(', ')}.`);
    console.error(USAGE);
    return 2;
  }
  const options: Options = { smoke: values.smoke, rounds, roundTime: values.smoke ? 300 : 4000, without: new Set(values.without) };
  const reports: Report[] = [];
  for (const name of names) {
    const measured = await alone(async () => SUITES[name](options));
    const report = options.smoke ? { ...measured, bars: measured.bars.filter(({ exact }) => exact) } : measured;
    print(report);
    reports.push(report);
  }
  if (reports.length > 1 && reports.some(({ bars }) => bars.length > 0)) printSummary(reports);
  if (values.json) writeFileSync(values.json, `${JSON.stringify(reports, null, 2)}\n`);
  return reports.every((report) => report.bars.every(holds)) ? 0 : 1;
}

main().then((status) => { process.exitCode = status; }, (error) => {
  console.error(error);
  process.exitCode = 1;
});
