/** One sample of the Prometheus text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const VALUE = /^(?:[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)$/;

/**
 * Reads an exposition strictly (text format 0.0.4): every family has HELP and TYPE once and before its samples, its samples stand together, no
 * series is there twice, buckets are cumulative and end in +Inf with the value of _count. Throws at the first mistake.
 */
export function parseExposition(text: string): Map<string, Sample[]> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Sample[]>();
  const types = new Map<string, string>();
  const seen = new Set<string>();
  let helped = '';
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment) {
      const [, kind, name, rest] = comment;
      if (!NAME.test(name)) throw new Error(`bad name: ${line}`);
      if (kind === 'HELP') {
        if (types.has(name)) throw new Error(`family twice: ${line}`);
        helped = name;
      } else {
        if (helped !== name || types.has(name)) throw new Error(`TYPE without its HELP, or twice: ${line}`);
        if (!['counter', 'gauge', 'histogram'].includes(rest)) throw new Error(`bad type: ${line}`);
        types.set(name, rest);
        families.set(name, []);
        current = name;
      }
      continue;
    }
    const sample = parseSample(line);
    const type = types.get(current);
    const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    if (!suffixes.some((suffix) => sample.name === current + suffix)) throw new Error(`not of family ${current}: ${line}`);
    if (type === 'counter' && sample.value < 0) throw new Error(`a counter below zero: ${line}`);
    const key = line.slice(0, line.lastIndexOf(' '));
    if (seen.has(key)) throw new Error(`series twice: ${line}`);
    seen.add(key);
    families.get(current)!.push(sample);
  }
  for (const [name, type] of types) {
    if (families.get(name)!.length === 0) throw new Error(`family without samples: ${name}`);
    if (type === 'histogram') checkHistogram(name, families.get(name)!);
  }
  return families;
}

function parseSample(line: string): Sample {
  const match = /^([^{ ]+)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (!match || !NAME.test(match[1]) || !VALUE.test(match[3])) throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  const body = match[2] ?? '';
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < body.length) {
    const label = LABEL.exec(body);
    if (!label || label[1] in labels) throw new Error(`bad labels: ${line}`);
    labels[label[1]] = label[2].replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
    if (label[3] === '' && LABEL.lastIndex !== body.length) throw new Error(`bad labels: ${line}`);
  }
  return { name: match[1], labels, value: Number(match[3].replace('Inf', 'Infinity')) };
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const series = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    series.set(key, [...series.get(key) ?? [], sample]);
  }
  for (const [key, of] of series) {
    const buckets = of.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map((bucket) => Number(bucket.labels.le.replace('Inf', 'Infinity')));
    const count = of.find((sample) => sample.name === `${name}_count`);
    const ordered = buckets.every((bucket, at) => at === 0 || (bounds[at] > bounds[at - 1] && bucket.value >= buckets[at - 1].value));
    if (!ordered || bounds.at(-1) !== Infinity || !count || buckets.at(-1)!.value !== count.value || !of.some((sample) => sample.name === `${name}_sum`)) {
      throw new Error(`histogram ${name}${key}`);
    }
  }
}
