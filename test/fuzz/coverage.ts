/**
 * What instrumented code reports: which edges ran how often, and how many steps there were. `scripts/instrument.mjs` puts the calls into a bundle;
 * where nothing is instrumented nothing is reported, and a fuzzer without coverage still mutates.
 */

const EDGES = 1 << 16;

/** More steps than an input of that size may take. */
export class Hang extends Error {}

export class Coverage {
  private readonly hits = new Uint8Array(EDGES);
  /** Edges and magnitudes of hits that any input had so far. */
  private readonly seen = new Uint8Array(EDGES);
  private readonly touched = new Uint32Array(EDGES);
  private touchedCount = 0;
  private budget = 0;
  private left = 0;

  /** From now on instrumented code reports here. */
  install(): void {
    const { hits, touched } = this;
    let previous = 0;
    (globalThis as { __edge?: (n: number) => void }).__edge = (n) => {
      const edge = n ^ previous;
      previous = n >>> 1;
      if (hits[edge] === 0) touched[this.touchedCount++] = edge;
      if (hits[edge] < 255) hits[edge]++;
      if (--this.left < 0) {
        this.left = Infinity;
        throw new Hang(`more than ${this.budget} steps`);
      }
    };
  }

  start(budget: number): void {
    const { hits, touched } = this;
    for (let i = 0; i < this.touchedCount; i++) hits[touched[i]] = 0;
    this.touchedCount = 0;
    this.budget = this.left = budget;
  }

  /** What runs from now on is no part of an input. */
  stop(): void {
    this.left = Infinity;
  }

  /** Whether the run since `start` did something that none before did. */
  isNew(): boolean {
    const { hits, seen, touched } = this;
    let found = false;
    for (let i = 0; i < this.touchedCount; i++) {
      const edge = touched[i];
      const bucket = magnitude(hits[edge]);
      if ((seen[edge] & bucket) !== 0) continue;
      seen[edge] |= bucket;
      found = true;
    }
    return found;
  }

  /** Edges that any input ran. */
  get edges(): number {
    return this.seen.reduce((sum, value) => sum + (value === 0 ? 0 : 1), 0);
  }
}

/** One bit for 1, 2, 3, 4–7, 8–15, 16–31, 32–127 and more: a loop that goes round once more is nothing new. */
function magnitude(hits: number): number {
  if (hits < 4) return 1 << (hits - 1);
  return hits < 8 ? 8 : hits < 16 ? 16 : hits < 32 ? 32 : hits < 128 ? 64 : 128;
}
