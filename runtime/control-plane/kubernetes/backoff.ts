/** Waits that grow, half of each by chance, so that replicas which failed together do not come back together. */
export class Backoff {
  private failures = 0;

  /**
   * @param base milliseconds of the first wait at most.
   * @param max milliseconds of any wait at most.
   * @param random 0 ≤ x < 1.
   */
  constructor(private readonly base: number, private readonly max: number, private readonly random: () => number) {}

  /** Milliseconds to wait after one more failure. */
  next(): number {
    const longest = Math.min(this.max, this.base * 2 ** this.failures);
    this.failures = Math.min(this.failures + 1, 16);
    return longest / 2 + (this.random() * longest) / 2;
  }

  /** It works again. */
  reset(): void {
    this.failures = 0;
  }
}
