/**
 * `npm run fuzz -- --seconds N [--seed N] [--target NAME] [--corpus DIR]`: inputs guided by coverage for everything that reads what others write. What
 * fails is made small, kept in test/testdata/fuzz/TARGET, where a test runs it ever after, and ends the run with exit code 1. What did something new
 * is kept in the corpus folder (.cache/fuzz), where the next run begins.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Coverage } from './coverage';
import { Fuzzer, type Finding, type Target } from './engine';
import { targets } from './targets';

const FOUND = 'test/testdata/fuzz';
/** Inputs between two looks at the clock. */
const ROUND = 200;

function read(folder: string): Buffer[] {
  return existsSync(folder) ? readdirSync(folder).sort().map((name) => readFileSync(join(folder, name))) : [];
}

function keep(folder: string, input: Buffer): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, createHash('sha256').update(input).digest('hex').slice(0, 16));
  writeFileSync(file, input);
  return file;
}

/** Fuzzes one target until `seconds` are over or something is found. */
async function fuzz(target: Target, seconds: number, seed: number, corpus: string): Promise<Finding | undefined> {
  const coverage = new Coverage();
  coverage.install();
  const folder = join(corpus, target.name);
  const fuzzer = new Fuzzer(target, seed, coverage, [...read(join(FOUND, target.name)), ...read(folder)]);
  const end = Date.now() + seconds * 1000;
  let finding: Finding | undefined;
  while (finding === undefined && Date.now() < end) {
    for (let i = 0; i < ROUND && finding === undefined; i++) finding = fuzzer.step();
    // What the code put off runs now.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (finding !== undefined) finding = await fuzzer.minimise(finding);
  for (const input of fuzzer.corpus) keep(folder, input);
  const rate = Math.round(fuzzer.runs / seconds);
  console.log(`${target.name.padEnd(18)} ${String(fuzzer.runs).padStart(9)} inputs (${rate}/s), ${fuzzer.corpus.length} kept, ${coverage.edges} edges`);
  return finding;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' }, target: { type: 'string' }, corpus: { type: 'string', default: '.cache/fuzz' } },
  });
  const seconds = Number(values.seconds);
  const seed = values.seed === undefined ? Date.now() >>> 0 : Number(values.seed);
  const all = await targets();
  const chosen = all.filter(({ name }) => values.target === undefined || name === values.target);
  if (!(seconds > 0) || Number.isNaN(seed) || chosen.length === 0) {
    console.error(`usage: npm run fuzz -- --seconds N [--seed N] [--target ${all.map(({ name }) => name).join(' | ')}] [--corpus DIR]`);
    return 2;
  }
  console.log(`seed ${seed}`);
  let found = 0;
  for (const target of chosen) {
    const finding = await fuzz(target, seconds / chosen.length, seed, values.corpus);
    if (finding === undefined) continue;
    found++;
    console.error(`\n${target.name}: ${finding.error.stack ?? finding.error.message}`);
    console.error(`input ${JSON.stringify(finding.input.toString('latin1'))}\nis kept in ${keep(join(FOUND, target.name), finding.input)}\n`);
  }
  return found === 0 ? 0 : 1;
}

main().then((status) => { process.exitCode = status; }, (error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
