import { xxHash64, xxHashResult } from '../cluster/xxhash64';
import type { TokenBucketConfig } from '../config/types';
import type { SharedMemory } from '../shared-memory';
import { TOLERANCE, type Buckets } from './token-bucket';

/** Buckets in which the one of a key may lie. */
const WAYS = 8;
/** Marks of buckets that nobody has, and that somebody is about to take. */
const EMPTY = 0, TAKEN = 1;

/** A double in the 64 bits that can be exchanged at once. */
const bits = new BigInt64Array(1);
const double = new Float64Array(bits.buffer);

/**
 * The token buckets of `token-bucket.ts` for a pod with several workers, who count together: over any span all of them admit at most `maxTokens` +
 * rate × span. Of a bucket only one number is kept, the time at which it will be full (as the generic cell rate algorithm does it), and that is
 * changed by compare-and-exchange: exact, whoever comes when.
 *
 * Where a key counts apart, its hash chooses eight buckets and marks the one that is its own; of these eight the least recently seen makes room for
 * a new key, so up to `maxKeys` keys are counted, though not in one order over all. Two keys share a bucket where 32 bits of their hashes and the
 * eight agree; the seed of the hash is the pod's own, so that nobody can look for such keys. Two workers that see a key for the first time in the
 * same microsecond may give it two buckets; from then on both use the first.
 */
export class SharedTokenBuckets implements Buckets {
  private readonly rate: number;
  /** Milliseconds that an empty bucket takes to be full. */
  private readonly span: number;
  private readonly sets: number;
  private readonly full: BigInt64Array;
  private readonly marks: Int32Array;
  private readonly seen: Int32Array;
  private readonly seed: Int32Array;
  private now = 0;

  constructor(config: TokenBucketConfig, memory: SharedMemory, name: string, random: () => number) {
    this.rate = config.tokensPerFill / config.fillInterval;
    this.span = config.maxTokens / this.rate;
    this.sets = config.key === undefined ? 0 : Math.max(1, Math.ceil(config.maxKeys / WAYS));
    const buckets = Math.max(1, this.sets * WAYS);
    const buffer = memory.get(`${name} ${JSON.stringify(config)}`, 8 + buckets * 16);
    this.seed = new Int32Array(buffer, 0, 2);
    this.full = new BigInt64Array(buffer, 8, buckets);
    this.marks = new Int32Array(buffer, 8 + buckets * 8, buckets);
    this.seen = new Int32Array(buffer, 8 + buckets * 12, buckets);
    // Who comes first chooses.
    for (const half of [0, 1]) Atomics.compareExchange(this.seed, half, 0, Math.floor(random() * 2 ** 32) | 1);
  }

  slot(key: string, now: number): number {
    this.now = now;
    if (this.sets === 0) return 0;
    xxHash64(key, this.seed[0], this.seed[1]);
    const { hi, lo } = xxHashResult;
    const mark = hi === EMPTY || hi === TAKEN ? 2 : hi;
    const first = ((lo >>> 0) % this.sets) * WAYS;
    const time = Math.floor(now) | 0;
    for (;;) {
      let oldest = first;
      for (let at = first; at < first + WAYS; at++) {
        const found = Atomics.load(this.marks, at);
        if (found === mark) {
          Atomics.store(this.seen, at, time);
          return at;
        }
        if (found === EMPTY) {
          oldest = at;
          break;
        }
        if (((Atomics.load(this.seen, at) - Atomics.load(this.seen, oldest)) | 0) < 0) oldest = at;
      }
      const before = Atomics.load(this.marks, oldest);
      // Somebody takes it just now: it is not the oldest any more in a moment.
      if (before === TAKEN || Atomics.compareExchange(this.marks, oldest, before, TAKEN) !== before) continue;
      Atomics.store(this.full, oldest, 0n);
      Atomics.store(this.seen, oldest, time);
      Atomics.store(this.marks, oldest, mark);
    }
  }

  available(slot: number): number {
    return this.tokens(this.read(slot));
  }

  take(slot: number): boolean {
    for (;;) {
      const before = Atomics.load(this.full, slot);
      bits[0] = before;
      const full = double[0];
      if (this.tokens(full) < 1 - TOLERANCE) return false;
      double[0] = Math.max(full, this.now) + 1 / this.rate;
      if (Atomics.compareExchange(this.full, slot, before, bits[0]) === before) return true;
    }
  }

  giveBack(slot: number): void {
    for (;;) {
      const before = Atomics.load(this.full, slot);
      bits[0] = before;
      double[0] -= 1 / this.rate;
      if (Atomics.compareExchange(this.full, slot, before, bits[0]) === before) return;
    }
  }

  untilNext(slot: number): number {
    const tokens = this.available(slot);
    return (Math.floor(tokens + TOLERANCE) + 1 - tokens) / this.rate;
  }

  private read(slot: number): number {
    bits[0] = Atomics.load(this.full, slot);
    return double[0];
  }

  private tokens(full: number): number {
    return (this.span - Math.max(0, full - this.now)) * this.rate;
  }
}
