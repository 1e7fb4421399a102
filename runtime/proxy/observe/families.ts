import { BUCKETS, type Histogram as Counted, Histogram } from './histogram';

export type Labels = Readonly<Record<string, string>>;
export type FamilyType = 'counter' | 'gauge' | 'histogram';

interface Series {
  readonly labels: Labels;
  value: number;
  readonly histogram: Counted | undefined;
}

/** One metric with all its series. Two values of the same labels are added up, so that no series is there twice. */
export class Family {
  private readonly series = new Map<string, Series>();

  /**
   * @param stat Envoy's name of a series in `/stats`, with `{label}` for the value of a label: `cluster.{envoy_cluster_name}.upstream_rq_total`.
   */
  constructor(readonly name: string, readonly type: FamilyType, readonly help: string, private readonly stat: string) {}

  add(labels: Labels, value: number): void {
    const found = this.find(labels, undefined);
    found.value += value;
  }

  addHistogram(labels: Labels, counted: Counted): void {
    this.find(labels, new Histogram()).histogram!.add(counted);
  }

  /** Lines of the Prometheus text format, version 0.0.4. */
  exposition(): string {
    if (this.series.size === 0) return '';
    let text = `# HELP ${this.name} ${escapeHelp(this.help)}\n# TYPE ${this.name} ${this.type}\n`;
    for (const series of this.series.values()) {
      text += series.histogram ? histogramLines(this.name, series.labels, series.histogram) : `${this.name}${labelSet(series.labels)} ${series.value}\n`;
    }
    return text;
  }

  /** Envoy's statistics names with their values. */
  *stats(): Generator<[string, string]> {
    for (const { labels, value, histogram } of this.series.values()) {
      const name = this.stat.replaceAll(/\{(\w+)\}/g, (_, label: string) => labels[label] ?? '');
      if (!histogram) yield [name, String(value)];
      else yield [name, `count=${histogram.count} sum=${round(histogram.sum)} ${quantiles(histogram)}`];
    }
  }

  private find(labels: Labels, histogram: Counted | undefined): Series {
    const key = labelSet(labels);
    let found = this.series.get(key);
    if (!found) this.series.set(key, found = { labels, value: 0, histogram });
    return found;
  }
}

/** A collection of metrics, read once. */
export class Families {
  private readonly families = new Map<string, Family>();

  counter(name: string, help: string, stat: string): Family {
    return this.family(name, 'counter', help, stat);
  }

  gauge(name: string, help: string, stat: string): Family {
    return this.family(name, 'gauge', help, stat);
  }

  histogram(name: string, help: string, stat: string): Family {
    return this.family(name, 'histogram', help, stat);
  }

  exposition(): string {
    return [...this.families.values()].map((family) => family.exposition()).join('');
  }

  /** `name: value` in the order of names; only those that match. */
  stats(filter?: RegExp): string {
    const lines = [...this.families.values()].flatMap((family) => [...family.stats()]).filter(([name]) => !filter || filter.test(name));
    return lines.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}: ${value}\n`).join('');
  }

  private family(name: string, type: FamilyType, help: string, stat: string): Family {
    let family = this.families.get(name);
    if (!family) this.families.set(name, family = new Family(name, type, help, stat));
    return family;
  }
}

function labelSet(labels: Labels, more = ''): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  if (more !== '') parts.push(more);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function histogramLines(name: string, labels: Labels, histogram: Counted): string {
  let cumulative = 0;
  let text = '';
  BUCKETS.forEach((bound, bucket) => {
    cumulative += histogram.counts[bucket];
    text += `${name}_bucket${labelSet(labels, `le="${bound}"`)} ${cumulative}\n`;
  });
  const { count } = histogram;
  return `${text}${name}_bucket${labelSet(labels, 'le="+Inf"')} ${count}\n${name}_sum${labelSet(labels)} ${round(histogram.sum)}\n${name}_count${labelSet(labels)} ${count}\n`;
}

/** The bucket bounds that the quantiles lie below. */
function quantiles(histogram: Counted): string {
  const { count } = histogram;
  return [0.5, 0.9, 0.99].map((quantile) => {
    let seen = 0;
    const bucket = histogram.counts.findIndex((inBucket) => (seen += inBucket) >= quantile * count && count > 0);
    return `p${quantile * 100}<=${bucket < 0 ? '-' : BUCKETS[bucket] ?? 'inf'}`;
  }).join(' ');
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function escapeHelp(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
