const BUCKETS = 10;

/** Successes and failures of the last `span` milliseconds, to a tenth of it, in ten counters each. */
export class OutcomeWindow {
  private readonly successes = new Int32Array(BUCKETS);
  private readonly failures = new Int32Array(BUCKETS);
  private readonly width: number;
  /** Number of the current bucket since the clock's origin. */
  private current: number;
  private succeeded = 0;
  private failed = 0;

  constructor(span: number, now: number) {
    this.width = Math.max(1, span / BUCKETS);
    this.current = Math.floor(now / this.width);
  }

  add(failure: boolean, now: number): void {
    this.expire(now);
    const slot = this.current % BUCKETS;
    if (failure) {
      this.failures[slot]! += 1;
      this.failed++;
    } else {
      this.successes[slot]! += 1;
      this.succeeded++;
    }
  }

  /** Outcomes counted, as of the last `add`. */
  get total(): number {
    return this.succeeded + this.failed;
  }

  /** Failures in percent of all, as of the last `add`. */
  get failurePercent(): number {
    return this.total === 0 ? 0 : (100 * this.failed) / this.total;
  }

  clear(): void {
    this.successes.fill(0);
    this.failures.fill(0);
    this.succeeded = 0;
    this.failed = 0;
  }

  private expire(now: number): void {
    const bucket = Math.floor(now / this.width);
    if (bucket - this.current >= BUCKETS) {
      this.clear();
      this.current = bucket;
      return;
    }
    for (; this.current < bucket; this.current++) {
      const oldest = (this.current + 1) % BUCKETS;
      this.succeeded -= this.successes[oldest]!;
      this.failed -= this.failures[oldest]!;
      this.successes[oldest] = 0;
      this.failures[oldest] = 0;
    }
  }
}
