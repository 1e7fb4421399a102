import { xxHash64, xxHashResult } from '../cluster/xxhash64';
import type { TokenBucketConfig } from '../config/types';

/** Token buckets, one for each key: whoever keeps them. */
export interface Buckets {
  /** The bucket of a key, filled up to `now`. The slot is good until the next call. */
  slot(key: string, now: number): number;
  /** Tokens in the bucket. */
  available(slot: number): number;
  /** Takes a token; false where another worker has just taken the last. */
  take(slot: number): boolean;
  /** Undoes `take`. */
  giveBack(slot: number): void;
  /** Milliseconds until the bucket has one whole token more than it has now, or its first one. */
  untilNext(slot: number): number;
}

/** Longer keys are counted by their beginning, length and hash: what a client sends does not say how much memory its bucket takes. */
const LONGEST_KEY = 128;

/**
 * Token buckets of one limit, one for each value of its key, or one for all. A bucket starts full and fills evenly, `tokensPerFill` in each
 * `fillInterval`, up to `maxTokens`: over any span it admits at most `maxTokens` + rate × span.
 *
 * At most `maxKeys` values are counted; for one more, the least recently seen is forgotten, and starts with a full bucket should it come again.
 * State lies in flat arrays that grow with the number of values seen; a request allocates nothing. No key takes more than LONGEST_KEY bytes and some.
 */
export class TokenBuckets implements Buckets {
  private readonly rate: number;
  private readonly capacity: number;
  private tokens: Float64Array;
  private filled: Float64Array;
  private readonly slots = new Map<string, number>();
  private keys: string[] = [];
  /** Ring of the slots in order of use; slot 0 of the arrays is its anchor: next is the least recent, previous the most recent. */
  private next: Int32Array;
  private previous: Int32Array;

  private readonly seedHi: number;
  private readonly seedLo: number;

  constructor(private readonly config: TokenBucketConfig, random: () => number) {
    // Nobody outside can look for a key that shares another's hash.
    this.seedHi = Math.floor(random() * 0x1_0000_0000) | 0;
    this.seedLo = Math.floor(random() * 0x1_0000_0000) | 0;
    this.rate = config.tokensPerFill / config.fillInterval;
    this.capacity = config.key === undefined ? 1 : Math.max(1, config.maxKeys);
    const size = Math.min(this.capacity, 16) + 1;
    this.tokens = new Float64Array(size);
    this.filled = new Float64Array(size);
    this.next = new Int32Array(size);
    this.previous = new Int32Array(size);
  }

  /** Number of keys counted now. */
  get size(): number {
    return this.slots.size;
  }

  slot(key: string, now: number): number {
    if (key.length > LONGEST_KEY) key = this.shortened(key);
    const known = this.slots.get(key);
    if (known === undefined) return this.add(key, now);
    if (this.previous[0] !== known) this.touch(known);
    const elapsed = now - this.filled[known]!;
    this.filled[known] = now;
    const tokens = this.tokens[known]! + elapsed * this.rate;
    this.tokens[known] = tokens > this.config.maxTokens ? this.config.maxTokens : tokens;
    return known;
  }

  available(slot: number): number {
    return this.tokens[slot]!;
  }

  take(slot: number): boolean {
    this.tokens[slot]! -= 1;
    return true;
  }

  giveBack(slot: number): void {
    this.tokens[slot]! += 1;
  }

  untilNext(slot: number): number {
    const tokens = this.tokens[slot]!;
    return (Math.floor(tokens + TOLERANCE) + 1 - tokens) / this.rate;
  }

  private add(key: string, now: number): number {
    let slot: number;
    if (this.slots.size < this.capacity) {
      slot = this.slots.size + 1;
      if (slot >= this.tokens.length) this.grow();
    } else {
      slot = this.next[0]!;
      this.slots.delete(this.keys[slot]!);
      this.unlink(slot);
    }
    // A copy: a part of a header would hold the whole of it.
    const kept = Buffer.from(key, 'latin1').toString('latin1');
    this.slots.set(kept, slot);
    this.keys[slot] = kept;
    this.tokens[slot] = this.config.maxTokens;
    this.filled[slot] = now;
    this.link(slot);
    return slot;
  }

  private shortened(key: string): string {
    xxHash64(key, this.seedHi, this.seedLo);
    const { hi, lo } = xxHashResult;
    return `${key.slice(0, LONGEST_KEY - 48)} ${key.length} ${(hi >>> 0).toString(16)} ${(lo >>> 0).toString(16)}`;
  }

  private touch(slot: number): void {
    this.unlink(slot);
    this.link(slot);
  }

  private unlink(slot: number): void {
    const { next, previous } = this;
    next[previous[slot]!] = next[slot]!;
    previous[next[slot]!] = previous[slot]!;
  }

  private link(slot: number): void {
    const { next, previous } = this;
    const last = previous[0]!;
    next[last] = slot;
    previous[slot] = last;
    next[slot] = 0;
    previous[0] = slot;
  }

  private grow(): void {
    const size = Math.min(this.capacity + 1, this.tokens.length * 2);
    const copy = <T extends Float64Array | Int32Array>(made: T, from: T): T => {
      made.set(from);
      return made;
    };
    this.tokens = copy(new Float64Array(size), this.tokens);
    this.filled = copy(new Float64Array(size), this.filled);
    this.next = copy(new Int32Array(size), this.next);
    this.previous = copy(new Int32Array(size), this.previous);
  }
}

/** What rounding may take off a token: 1000 fills of 0.001 are to be one. */
export const TOLERANCE = 1e-6;
