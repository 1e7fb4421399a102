import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Options } from '../options';
import { figure, machine, show, type Bar, type Report } from '../report';

const SIZES = [10, 100, 1000];

interface Sample {
  /** Milliseconds from `new App()` to the last byte written. */
  readonly wall: number;
  /** Of these, until the last construct is made. */
  readonly construct: number;
  /** Milliseconds of processor time in the same span. */
  readonly processor: number;
  /** Milliseconds in the checks of the whole graph. */
  readonly checks: number;
  readonly objects: number;
  readonly memory: number;
}

interface Comparison {
  readonly services: number;
  readonly ours: Sample[];
  readonly bare: Sample[];
}

/** Synth of one chart of many services beside bare cdk8s that writes the same documents: what the mesh costs on top of its manifests. */
export async function synth(options: Options): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'mw-'));
  try {
    const sizes = options.smoke ? SIZES.slice(0, 2) : SIZES;
    const comparisons: Comparison[] = sizes.map((services) => ({ services, ours: [], bare: [] }));
    // Not counted; it leaves the documents for the other side, and the files of both in the page cache.
    for (const { services } of comparisons) sample('meshwright', String(services), documentsOf(folder, services));
    for (let round = 0; round < options.rounds; round++) {
      for (const { services, ours, bare } of comparisons) {
        ours.push(sample('meshwright', String(services)));
        bare.push(sample('bare', documentsOf(folder, services)));
      }
    }
    return report(comparisons);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function documentsOf(folder: string, services: number): string {
  return join(folder, `documents-${services}.json`);
}

function sample(...args: string[]): Sample {
  return JSON.parse(execFileSync(process.execPath, [join(__dirname, 'synth/sample.js'), ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
}

function report(comparisons: readonly Comparison[]): Report {
  const summaries = comparisons.map(({ services, ours, bare }) => ({
    services,
    objects: ours[0].objects,
    ours: figure(ours.map(({ wall }) => wall)),
    bare: figure(bare.map(({ wall }) => wall)),
    // Neighbours in time are compared: what disturbs the machine disturbs both.
    ratio: figure(ours.map(({ wall }, round) => wall / bare[round].wall)),
    processorRatio: figure(ours.map(({ processor }, round) => processor / bare[round].processor)),
    checks: figure(ours.map(({ checks, wall }) => (100 * checks) / wall)),
    memory: figure(ours.map(({ memory }) => memory)),
    bareMemory: figure(bare.map(({ memory }) => memory)),
  }));
  const last = summaries[summaries.length - 1];
  const previous = summaries[summaries.length - 2];
  const bars: Bar[] = [
    ...summaries.filter(({ services }) => services >= 100).map(({ services, ratio }): Bar => (
      { name: `${services} services, × bare cdk8s`, value: ratio.median, kind: 'at most', limit: 1.3 })),
    {
      name: `a service of ${last.services} beside one of ${previous.services}`,
      value: (last.ours.median / last.services) / (previous.ours.median / previous.services),
      kind: 'at most',
      limit: 1.3,
    },
    { name: `checks of ${last.services} services, % of synth`, value: last.checks.median, kind: 'at most', limit: 10 },
  ];
  return {
    suite: 'synth',
    title: 'services with every policy in one chart, beside bare cdk8s with the same documents',
    machine: machine({ node: process.version, rounds: String(comparisons[0].ours.length) }),
    table: summaries.map((summary) => ({
      'services': String(summary.services),
      'objects': String(summary.objects),
      'meshwright ms': show(summary.ours),
      'bare cdk8s ms': show(summary.bare),
      'ratio': show(summary.ratio, 2),
      'ratio of CPU': show(summary.processorRatio, 2),
      'ms/service': (summary.ours.median / summary.services).toFixed(2),
      'checks %': show(summary.checks, 1),
      'RSS MB': `${summary.memory.median.toFixed(0)} / ${summary.bareMemory.median.toFixed(0)}`,
    })),
    results: { summaries, samples: comparisons },
    bars,
  };
}
