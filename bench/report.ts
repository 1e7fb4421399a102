import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

/** A figure over the rounds of a run. */
export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What has to hold, and whether it does. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  /** `value` must be at least, or at most, `limit`. */
  readonly kind: 'at least' | 'at most';
  readonly limit: number;
  /** Holds in a run of seconds, too: a count, no time. */
  readonly exact?: boolean;
}

export interface Report {
  /** As the command line names it. */
  readonly suite: string;
  /** What was measured, in a line. */
  readonly title: string;
  readonly machine: Record<string, string>;
  /** Rows of the table, as they are printed: column → text. */
  readonly table: ReadonlyArray<Record<string, string>>;
  /** Lines below the table. */
  readonly notes?: readonly string[];
  /** Everything that was measured. */
  readonly results: unknown;
  readonly bars: readonly Bar[];
}

export function figure(values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}

/** `median (min–max)`. */
export function show({ median, min, max }: Figure, digits = 0): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

export function holds({ value, kind, limit }: Bar): boolean {
  return kind === 'at least' ? value >= limit : value <= limit;
}

/** The machine as a reader of the figures needs it. */
export function machine(extra: Record<string, string>): Record<string, string> {
  const load = readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ');
  return {
    cpu: `${cpus().length} × ${cpus()[0].model}`,
    memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    kernel: execFileSync('uname', ['-sr'], { encoding: 'utf8' }).trim(),
    load,
    ...extra,
  };
}

function printTable(rows: ReadonlyArray<Record<string, string>>): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const width = (column: string) => Math.max(column.length, ...rows.map((row) => (row[column] ?? '').length));
  const line = (cells: (column: string) => string) => `| ${columns.map((column) => cells(column).padEnd(width(column))).join(' | ')} |`;
  console.log(line((column) => column));
  console.log(line((column) => '-'.repeat(width(column))));
  for (const row of rows) console.log(line((column) => row[column] ?? ''));
}

export function print(report: Report): void {
  console.log(`\n## ${report.suite}: ${report.title}\n`);
  console.log(`${Object.entries(report.machine).map(([name, value]) => `${name}: ${value}`).join(' · ')}\n`);
  printTable(report.table);
  for (const note of report.notes ?? []) console.log(`\n${note}`);
  if (report.bars.length > 0) console.log('');
  for (const bar of report.bars) {
    console.log(`${holds(bar) ? 'holds ' : 'MISSED'}  ${bar.name}: ${bar.value.toFixed(2)}, ${bar.kind} ${bar.limit}`);
  }
}

/** All bars of several reports in one table. */
export function printSummary(reports: readonly Report[]): void {
  console.log('\n## all bars\n');
  printTable(reports.flatMap(({ suite, bars }) => bars.map((bar) => ({
    suite, bar: bar.name, measured: bar.value.toFixed(2), wanted: `${bar.kind} ${bar.limit}`, outcome: holds(bar) ? 'holds' : 'MISSED',
  }))));
}
