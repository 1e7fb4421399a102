import type { Clock } from '../../clock';
import type { CircuitBreakerConfig } from '../config/types';
import type { ClusterStats } from './stats';
import { OutcomeWindow } from './window';

export type BreakerState = 'closed' | 'open' | 'half_open';

/** What a cluster asks of its breaker, whoever keeps its state. */
export interface Breaker {
  readonly state: BreakerState;
  /** Counts the changes of state. A request belongs to the epoch that admitted it; its outcome counts in no other. */
  readonly epoch: number;
  /** Milliseconds until a probe may pass; undefined while closed, 0 where only a probe under way stands in between. */
  readonly retryAfter: number | undefined;
  /** Whether a request may pass now. Changes nothing but open to half open. */
  allows(): boolean;
  /** The request passes: in half-open state it is the probe. False: another worker's request has become the probe meanwhile. */
  admitted(): boolean;
  /** An admitted request of `epoch` has ended. */
  finished(epoch: number, outcome: 'success' | 'failure' | 'neutral'): void;
}

/**
 * Circuit breaker of a whole cluster (the resilience pattern; Envoy's `circuit_breakers` are the bulkhead).
 *
 * ```
 *              threshold reached                 cooldown over, a request comes
 *   CLOSED ─────────────────────────▶ OPEN ─────────────────────────────────────▶ HALF OPEN
 *      ▲                               ▲                                              │
 *      │                               └────────────── the probe failed ──────────────┤
 *      └────────────────────────────────────────────── the probe succeeded ───────────┘
 *
 *   CLOSED     all requests pass; their outcomes are counted
 *   OPEN       none passes; outcomes of requests sent before count no more
 *   HALF OPEN  exactly one passes, the probe; all others are refused until it has ended. A probe that says nothing about the upstream (the
 *              client went away, no host was picked) leaves the state as it is, and the next request probes. So does one that has not ended
 *              after another cooldown: an upstream that hangs must not keep the breaker from ever finding out.
 * ```
 *
 * There is no timer: the change from open to half open is made by the request that finds the cooldown over.
 *
 * A failure is an answer of status 5xx or none at all.
 */
export class CircuitBreaker implements Breaker {
  state: BreakerState = 'closed';
  epoch: number;
  private openUntil = 0;
  private probing = false;
  private probeStart = 0;
  private consecutive = 0;
  private readonly window: OutcomeWindow | undefined;

  /** @param firstEpoch where to count from: a breaker that replaces another counts on, or requests of the other's would count in this one. */
  constructor(
    readonly config: CircuitBreakerConfig, private readonly clock: Clock, private readonly stats: ClusterStats, firstEpoch: number,
  ) {
    this.epoch = firstEpoch;
    this.window = config.kind === 'failure_rate' ? new OutcomeWindow(config.window, clock.now()) : undefined;
  }

  allows(): boolean {
    if (this.state === 'closed') return true;
    if (this.state === 'open') {
      if (this.clock.now() < this.openUntil) return false;
      this.change('half_open');
      this.stats.breakerHalfOpened++;
    }
    return !this.probing || this.clock.now() - this.probeStart >= this.config.cooldown;
  }

  admitted(): boolean {
    if (this.state !== 'half_open') return true;
    this.probing = true;
    this.probeStart = this.clock.now();
    return true;
  }

  get retryAfter(): number | undefined {
    if (this.state === 'closed') return undefined;
    return this.state === 'open' ? Math.max(0, this.openUntil - this.clock.now()) : 0;
  }

  finished(epoch: number, outcome: 'success' | 'failure' | 'neutral'): void {
    if (epoch !== this.epoch) return;
    if (this.state === 'half_open') {
      this.probing = false;
      if (outcome === 'success') this.close();
      else if (outcome === 'failure') this.open();
    } else if (this.state === 'closed' && outcome !== 'neutral') {
      if (this.tripsOn(outcome === 'failure')) this.open();
    }
  }

  private tripsOn(failure: boolean): boolean {
    const { config } = this;
    if (config.kind === 'consecutive_failures') {
      this.consecutive = failure ? this.consecutive + 1 : 0;
      return this.consecutive >= config.failures;
    }
    const window = this.window!;
    window.add(failure, this.clock.now());
    return window.total >= config.minRequests && window.failurePercent >= config.percent;
  }

  private open(): void {
    this.change('open');
    this.openUntil = this.clock.now() + this.config.cooldown;
    this.stats.breakerOpened++;
  }

  private close(): void {
    this.change('closed');
    this.consecutive = 0;
    this.window?.clear();
    this.stats.breakerClosed++;
  }

  private change(state: BreakerState): void {
    this.state = state;
    this.epoch++;
    this.probing = false;
  }
}
