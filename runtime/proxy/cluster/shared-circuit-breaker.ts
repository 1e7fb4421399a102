import type { Clock } from '../../clock';
import type { CircuitBreakerConfig } from '../config/types';
import type { Breaker, BreakerState } from './circuit-breaker';
import type { ClusterStats } from './stats';

const STATES: readonly BreakerState[] = ['closed', 'open', 'half_open'];
const Closed = 0, Open = 1, HalfOpen = 2;

/** Cells: the state and its epoch in one word; failures in a row; by parity of the epoch, when it opens again and when its probe began; the window. */
const WORD = 0, CONSECUTIVE = 1, OPEN_UNTIL = 2, PROBE = 4, WINDOW = 6;
const BUCKETS = 10;
/** Of a bucket: which tenth of the window it counts, successes, failures. */
const BUCKET = 3;
const CELLS = WINDOW + BUCKETS * BUCKET;
/** The first epoch is one of so many: a request that an earlier breaker admitted is not taken for one of this. */
const EPOCHS = 2 ** 24;

/**
 * The circuit breaker of `circuit-breaker.ts`, whose state all workers of a pod share: what one worker's requests open is open for all, and one
 * probe passes in the pod. Changes of state are one compare-and-exchange, so each happens once. Times are milliseconds of the pod's clock, in 32
 * bits that may wrap. What may be lost is an outcome that comes in the very moment in which another worker begins a new tenth of the window.
 */
export class SharedCircuitBreaker implements Breaker {
  static readonly bytes = CELLS * Int32Array.BYTES_PER_ELEMENT;
  private readonly cells: Int32Array;

  constructor(
    buffer: SharedArrayBuffer, private readonly config: CircuitBreakerConfig, private readonly clock: Clock, private readonly stats: ClusterStats,
    random: () => number,
  ) {
    this.cells = new Int32Array(buffer);
    // Who comes first chooses; zero is nobody yet.
    Atomics.compareExchange(this.cells, WORD, 0, (1 + Math.floor(random() * EPOCHS)) << 2);
  }

  get state(): BreakerState {
    return STATES[Atomics.load(this.cells, WORD) & 3];
  }

  get epoch(): number {
    return Atomics.load(this.cells, WORD) >> 2;
  }

  get retryAfter(): number | undefined {
    const word = Atomics.load(this.cells, WORD);
    if ((word & 3) === Closed) return undefined;
    return (word & 3) === Open ? Math.max(0, this.untilProbe(word)) : 0;
  }

  allows(): boolean {
    const { cells } = this;
    let word = Atomics.load(cells, WORD);
    if ((word & 3) === Closed) return true;
    if ((word & 3) === Open) {
      if (this.untilProbe(word) > 0) return false;
      const next = after(word, HalfOpen);
      Atomics.store(cells, probeOf(next), 0);
      if (this.change(word, next)) this.stats.breakerHalfOpened++;
      word = Atomics.load(cells, WORD);
      if ((word & 3) !== HalfOpen) return (word & 3) === Closed;
    }
    return this.mayProbe(Atomics.load(cells, probeOf(word)));
  }

  admitted(): boolean {
    const { cells } = this;
    const word = Atomics.load(cells, WORD);
    if ((word & 3) !== HalfOpen) return (word & 3) === Closed;
    const probe = probeOf(word);
    const before = Atomics.load(cells, probe);
    // A time of 0 would be no probe.
    return this.mayProbe(before) && Atomics.compareExchange(cells, probe, before, this.time() || 1) === before;
  }

  finished(epoch: number, outcome: 'success' | 'failure' | 'neutral'): void {
    const { cells } = this;
    const word = Atomics.load(cells, WORD);
    if (word >> 2 !== epoch) return;
    if ((word & 3) === HalfOpen) {
      if (outcome === 'success') this.close(word);
      else if (outcome === 'failure') this.open(word);
      else Atomics.store(cells, probeOf(word), 0);
    } else if ((word & 3) === Closed && outcome !== 'neutral') {
      if (this.tripsOn(outcome === 'failure')) this.open(word);
    }
  }

  private tripsOn(failure: boolean): boolean {
    const { cells, config } = this;
    if (config.kind === 'failure_rate') return this.count(failure, config);
    if (failure) return Atomics.add(cells, CONSECUTIVE, 1) + 1 >= config.failures;
    if (Atomics.load(cells, CONSECUTIVE) !== 0) Atomics.store(cells, CONSECUTIVE, 0);
    return false;
  }

  private count(failure: boolean, { window, minRequests, percent }: Extract<CircuitBreakerConfig, { kind: 'failure_rate' }>): boolean {
    const { cells } = this;
    const tenth = Math.floor(this.clock.now() / Math.max(1, window / BUCKETS)) | 0;
    const bucket = WINDOW + (Math.abs(tenth) % BUCKETS) * BUCKET;
    const counted = Atomics.load(cells, bucket);
    if (counted !== tenth && Atomics.compareExchange(cells, bucket, counted, tenth) === counted) {
      Atomics.store(cells, bucket + 1, 0);
      Atomics.store(cells, bucket + 2, 0);
    }
    Atomics.add(cells, bucket + (failure ? 2 : 1), 1);
    let total = 0;
    let failed = 0;
    for (let at = WINDOW; at < CELLS; at += BUCKET) {
      if (tenth - Atomics.load(cells, at) >= BUCKETS) continue;
      const failures = Atomics.load(cells, at + 2);
      failed += failures;
      total += failures + Atomics.load(cells, at + 1);
    }
    return total >= minRequests && (100 * failed) / total >= percent;
  }

  private open(word: number): void {
    const next = after(word, Open);
    Atomics.store(this.cells, OPEN_UNTIL + ((next >> 2) & 1), (this.time() + this.config.cooldown) | 0);
    if (this.change(word, next)) this.stats.breakerOpened++;
  }

  private close(word: number): void {
    const { cells } = this;
    Atomics.store(cells, CONSECUTIVE, 0);
    for (let at = WINDOW; at < CELLS; at++) Atomics.store(cells, at, 0);
    if (this.change(word, after(word, Closed))) this.stats.breakerClosed++;
  }

  private change(word: number, next: number): boolean {
    return Atomics.compareExchange(this.cells, WORD, word, next) === word;
  }

  private mayProbe(began: number): boolean {
    return began === 0 || ((this.time() - began) | 0) >= this.config.cooldown;
  }

  private untilProbe(word: number): number {
    return (Atomics.load(this.cells, OPEN_UNTIL + ((word >> 2) & 1)) - this.time()) | 0;
  }

  private time(): number {
    return Math.floor(this.clock.now()) | 0;
  }
}

function after(word: number, state: number): number {
  return (((word >> 2) + 1) << 2) | state;
}

function probeOf(word: number): number {
  return PROBE + ((word >> 2) & 1);
}
