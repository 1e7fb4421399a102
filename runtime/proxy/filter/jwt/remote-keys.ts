import type { Clock, Timer } from '../../../clock';
import type { RemoteKeysConfig } from '../../config/types';
import { KeySet } from './key-set';

/** Time in milliseconds between two fetches that a key of unknown name causes: anybody can name one. */
const COOLDOWN = 10_000;
/** Of the time for which keys are good, when they are fetched anew: early enough to try again before they are too old. */
const AHEAD = { from: 0.75, spread: 0.1 };
/** Longest wait between two fetches that fail. */
const LONGEST_BACKOFF = 60_000;
/** Requests that wait for one fetch at most; what comes beyond is answered at once. */
const MOST_WAITING = 1024;

/** Fetches a document: tells its text, or why there is none. Never from within. */
export type Fetch = (from: Pick<RemoteKeysConfig, 'cluster' | 'host' | 'path' | 'timeout'>, done: (result: FetchResult) => void) => FetchUnderWay;
/** `nowhere`: there is nobody to ask yet, as while a name is resolved for the first time. */
export type FetchResult = { readonly text: string } | { readonly failure: string; readonly nowhere?: boolean };
export interface FetchUnderWay {
  cancel(): void;
}

export interface RemoteKeysDependencies {
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly fetch: Fetch;
  /** Milliseconds for which keys of a cluster stay good beyond their time, as long as no others can be had; undefined: without end, as in Envoy. */
  readonly keepFor: (cluster: string) => number | undefined;
}

/**
 * The keys of one issuer: fetched, good for `cacheDuration`, and fetched anew before that is over. As long as fetches fail, those that were there last stay
 * good beyond it, for as long as the outage policy says: an outage of the issuer is none of whoever has its tokens. Whoever needs a key that is not there waits for the one
 * fetch that is under way for all.
 */
export class RemoteKeys {
  /** Changes with the keys. */
  version = 0;
  fetched = 0;
  failed = 0;
  /** Why the last fetch failed; undefined: it did not. */
  failure: string | undefined;
  private set: KeySet | undefined;
  private text = '';
  private fetchedAt = 0;
  private failures = 0;
  private nowhere = false;
  private beganAt = -Infinity;
  private nextAt = -Infinity;
  private underWay: FetchUnderWay | undefined;
  private timer: Timer | undefined;
  private closed = false;
  private readonly waiting = new Set<() => void>();

  /** `before`: of the same issuer under another configuration, whose keys go on until others are there. */
  constructor(readonly config: RemoteKeysConfig, private readonly deps: RemoteKeysDependencies, before?: RemoteKeys) {
    if (before?.set === undefined) return;
    this.set = before.set;
    this.text = before.text;
    this.fetchedAt = before.fetchedAt;
    this.version = before.version;
    // They are another place's: good as old ones are, and to be fetched anew at once.
    this.fetchedAt = Math.min(before.fetchedAt, deps.clock.now() - config.cacheDuration);
    this.failures = 1;
  }

  /** A configuration is in force: this one, or another with it, which may have brought whom to ask. */
  start(): void {
    if (this.closed || this.underWay !== undefined) return;
    if ((this.config.ahead && this.timer === undefined) || this.nowhere) this.fetchNow();
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.underWay?.cancel();
    this.timer = this.underWay = undefined;
    this.wake();
  }

  /** Those that are good now. `wait`: they are being fetched, ask again after `wait`; `unavailable`: and will not be there soon. */
  current(): KeySet | 'wait' | 'unavailable' {
    const { set, config } = this;
    const now = this.deps.clock.now();
    const age = now - this.fetchedAt;
    if (set !== undefined && age < config.cacheDuration) return set;
    const due = this.underWay === undefined && !this.closed && now >= this.nextAt;
    if (due) this.fetchNow();
    // Old ones are good only where new ones cannot be had.
    if (set !== undefined && this.failures > 0 && age < config.cacheDuration + (this.deps.keepFor(config.cluster) ?? Infinity)) return set;
    return this.underWay === undefined ? 'unavailable' : 'wait';
  }

  /** No key fits a token. Whether there may be one soon: then ask again after `wait`. */
  seekMore(): boolean {
    if (this.underWay !== undefined) return true;
    const now = this.deps.clock.now();
    if (this.closed || now < this.beganAt + COOLDOWN || now < this.nextAt) return false;
    this.fetchNow();
    return true;
  }

  /** `wake` is called once when the fetch under way has ended. False: too many wait already. */
  wait(wake: () => void): boolean {
    if (this.waiting.size >= MOST_WAITING) return false;
    this.waiting.add(wake);
    return true;
  }

  forget(wake: () => void): void {
    this.waiting.delete(wake);
  }

  get waiters(): number {
    return this.waiting.size;
  }

  private fetchNow(): void {
    const { clock, fetch } = this.deps;
    this.timer?.cancel();
    this.timer = undefined;
    this.beganAt = clock.now();
    this.underWay = fetch(this.config, (result) => this.ended(result));
  }

  private ended(result: FetchResult): void {
    this.underWay = undefined;
    const problem = 'failure' in result ? result.failure : this.take(result.text);
    const { config, deps: { clock, random } } = this;
    this.failure = problem;
    this.nowhere = 'failure' in result && result.nowhere === true;
    let wait: number;
    if (problem === undefined) {
      this.fetched++;
      this.failures = 0;
      this.nextAt = -Infinity;
      wait = config.cacheDuration * (AHEAD.from + AHEAD.spread * random());
    } else {
      this.failed++;
      wait = Math.min(config.failedRefetch * 2 ** this.failures, LONGEST_BACKOFF) * (0.75 + 0.5 * random());
      this.failures = Math.min(this.failures + 1, 30);
      this.nextAt = clock.now() + wait;
    }
    if (config.ahead) this.timer = clock.setTimer(wait, () => this.fetchNow());
    this.wake();
  }

  /** What is wrong with the document; what was there before stays then. */
  private take(text: string): string | undefined {
    try {
      // Keys that stay the same leave what was verified with them as it is.
      if (this.set === undefined || text !== this.text) {
        this.set = KeySet.parse(text);
        this.text = text;
        this.version++;
      }
    } catch (error) {
      return (error as Error).message;
    }
    this.fetchedAt = this.deps.clock.now();
    return undefined;
  }

  private wake(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const wake of waiting) wake();
  }
}
