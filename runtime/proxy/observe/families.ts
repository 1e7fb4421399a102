import { BUCKETS, Histogram } from './histogram';

export type Labels = Readonly<Record<string, string>>;
export type FamilyType = 'counter' | 'gauge' | 'histogram';

/** How the values of a pod's workers become one: a gauge of what all of them share is the `same` in each. */
export type Merge = 'sum' | 'same';

type Counted = Pick<Histogram, 'counts' | 'sum'>;

/** Metrics as plain data, for another thread. */
export interface FamilyData {
  readonly name: string;
  readonly type: FamilyType;
  readonly help: string;
  readonly stat: string;
  readonly merge: Merge;
  readonly series: readonly { readonly labels: Labels; readonly value: number; readonly histogram: Counted | undefined }[];
}

interface Series {
  readonly labels: Labels;
  value: number;
  readonly histogram: Histogram | undefined;
}

/** One metric with all its series. Two values of the same labels are added up, so that no series is there twice. */
export class Family {
  private readonly series = new Map<string, Series>();

  /**
   * @param stat Envoy's name of a series in `/stats`, with `{label}` for the value of a label: `cluster.{envoy_cluster_name}.upstream_rq_total`.
   */
  constructor(
    readonly name: string, readonly type: FamilyType, readonly help: string, private readonly stat: string, private readonly merge: Merge,
  ) {}

  add(labels: Labels, value: number): void {
    const found = this.find(labels, undefined);
    found.value += value;
  }

  /** Takes what another worker has of it; of what is the same in all, the larger: one of them may be a moment ahead. */
  mergeFrom({ series, merge }: FamilyData): void {
    for (const { labels, value, histogram } of series) {
      const found = this.find(labels, histogram && new Histogram());
      if (histogram) found.histogram!.add(histogram);
      else found.value = merge === 'same' ? Math.max(found.value, value) : found.value + value;
    }
  }

  toData(): FamilyData {
    const { name, type, help, stat, merge } = this;
    return { name, type, help, stat, merge, series: [...this.series.values()] };
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

  private find(labels: Labels, histogram: Histogram | undefined): Series {
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
    return this.family(name, 'counter', help, stat, 'sum');
  }

  gauge(name: string, help: string, stat: string, merge: Merge = 'sum'): Family {
    return this.family(name, 'gauge', help, stat, merge);
  }

  histogram(name: string, help: string, stat: string): Family {
    return this.family(name, 'histogram', help, stat, 'sum');
  }

  toData(): FamilyData[] {
    return [...this.families.values()].map((family) => family.toData());
  }

  /** Takes the metrics of another worker of the same pod. */
  mergeFrom(families: readonly FamilyData[]): void {
    for (const data of families) this.family(data.name, data.type, data.help, data.stat, data.merge).mergeFrom(data);
  }

  exposition(): string {
    return [...this.families.values()].map((family) => family.exposition()).join('');
  }

  /** `name: value` in the order of names; only those that match. */
  stats(matches: (name: string) => boolean = () => true): string {
    const lines = [...this.families.values()].flatMap((family) => [...family.stats()]).filter(([name]) => matches(name));
    return lines.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}: ${value}\n`).join('');
  }

  private family(name: string, type: FamilyType, help: string, stat: string, merge: Merge): Family {
    let family = this.families.get(name);
    if (!family) this.families.set(name, family = new Family(name, type, help, stat, merge));
    return family;
  }
}

function labelSet(labels: Labels, more = ''): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  if (more !== '') parts.push(more);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function histogramLines(name: string, labels: Labels, histogram: Histogram): string {
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
function quantiles(histogram: Histogram): string {
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
