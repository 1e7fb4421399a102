/** `npm run bench -- SUITE… | all [--json FILE] [--rounds N] [--without PEER] [--smoke]`: see README.md beside this file. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { conns } from './conns';
import { controlPlane } from './control-plane';
import { grpc } from './grpc';
import { h1 } from './h1';
import { h2 } from './h2';
import { latency } from './latency';
import { alone } from './lock';
import type { Options } from './options';
import { Profiler, profileReports } from './profile';
import { holds, print, printSummary, type Report } from './report';
import { synth } from './synth';
import { tcp } from './tcp';
import { tls } from './tls';

const SUITES: Readonly<Record<string, (options: Options) => Promise<Report>>> = { synth, h1, h2, grpc, latency, conns, tcp, tls, 'control-plane': controlPlane };
const USAGE = `usage: npm run bench -- ${Object.keys(SUITES).join(' | ')} | all [--json FILE] [--rounds N] [--without haproxy|nginx|envoy|go-control-plane]… [--smoke] [--profile]`;

/** Milliseconds of a round: of one suite alone, and of each of several, which together take a quarter of an hour. */
const ROUND = 4000;
const ROUND_OF_SEVERAL = 2500;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'string' }, rounds: { type: 'string' }, without: { type: 'string', multiple: true }, smoke: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
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
  const roundTime = values.smoke ? 300 : names.length > 1 ? ROUND_OF_SEVERAL : ROUND;
  const reports: Report[] = [];
  const broken: string[] = [];
  for (const name of names) {
    const profiler = values.profile ? new Profiler(resolve(__dirname, '../..')) : undefined;
    const options: Options = { smoke: values.smoke, rounds, roundTime, without: new Set(values.without), profiler };
    const once = async (): Promise<Report> => alone(async () => SUITES[name](options));
    try {
      // A smoke pass is on machines that do something else too, where a peer may not answer in time.
      const measured = await once().catch(async (error: unknown) => {
        if (!options.smoke) throw error;
        console.error(`
## ${name}: once more
`, error);
        return once();
      });
      const report = options.smoke ? { ...measured, bars: measured.bars.filter(({ exact }) => exact) } : measured;
      print(report);
      reports.push(report);
      for (const profile of profiler === undefined ? [] : profileReports(name, profiler)) {
        print(profile);
        reports.push(profile);
      }
    } catch (error) {
      // The others are measured all the same, and what was measured before is not lost.
      console.error(`\n## ${name}: not measured\n`, error);
      broken.push(name);
    } finally {
      profiler?.clean();
    }
    if (values.json) writeFileSync(values.json, `${JSON.stringify(reports, null, 2)}\n`);
  }
  if (reports.length > 1 && reports.some(({ bars }) => bars.length > 0)) printSummary(reports);
  if (broken.length > 0) console.error(`\nNot measured: ${broken.join(', ')}`);
  return broken.length === 0 && reports.every((report) => report.bars.every(holds)) ? 0 : 1;
}

main().then((status) => { process.exitCode = status; }, (error) => {
  console.error(error);
  process.exitCode = 1;
});
