/** Upper bounds of the buckets in milliseconds: Envoy's, so that its dashboards fit. */
export const BUCKETS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000,
];

/** Durations counted by bucket, in memory that is allocated once. */
export class Histogram {
  /** By bucket, not cumulative; the last is what is above all bounds. */
  readonly counts = new Float64Array(BUCKETS.length + 1);
  sum = 0;

  record(milliseconds: number): void {
    let bucket = 0;
    while (bucket < BUCKETS.length && milliseconds > BUCKETS[bucket]) bucket++;
    this.counts[bucket]++;
    this.sum += milliseconds;
  }

  get count(): number {
    let total = 0;
    for (const count of this.counts) total += count;
    return total;
  }

  /** Adds what another one counted. */
  add(other: Pick<Histogram, 'counts' | 'sum'>): void {
    other.counts.forEach((count, bucket) => { this.counts[bucket] += count; });
    this.sum += other.sum;
  }
}
