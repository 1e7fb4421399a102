/** `npm run bench -- SUITE… [--json FILE] [--smoke]`: see README.md beside this file. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { h1 } from './h1';
import type { Options } from './options';
import { holds, print, type Report } from './report';
import { synth } from './synth';

const suites: Record<string, (options: Options) => Promise<Report>> = { synth, h1 };

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'string' }, smoke: { type: 'boolean', default: false }, rounds: { type: 'string' }, envoy: { type: 'boolean', default: false } },
  });
  const unknown = positionals.filter((name) => !(name in suites));
  if (positionals.length === 0 || unknown.length > 0) {
    if (unknown.length > 0) console.error(`There is no suite ${unknown.join(', ')}.`);
    console.error(`usage: npm run bench -- ${Object.keys(suites).join(' | ')} [--json FILE] [--rounds N] [--smoke] [--envoy]`);
    return 2;
  }
  const options: Options = { smoke: values.smoke, envoy: values.envoy, rounds: values.rounds ? Number(values.rounds) : values.smoke ? 1 : 5 };
  const reports: Report[] = [];
  for (const name of positionals) {
    const measured = await suites[name](options);
    const report = options.smoke ? { ...measured, bars: [] } : measured;
    print(report);
    reports.push(report);
  }
  if (values.json) writeFileSync(values.json, `${JSON.stringify(reports, null, 2)}\n`);
  return reports.every((report) => report.bars.every(holds)) ? 0 : 1;
}

main().then((status) => { process.exitCode = status; }, (error) => {
  console.error(error);
  process.exitCode = 1;
});
