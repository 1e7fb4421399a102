import type { Clock, Timer } from '../../clock';

/** Milliseconds between two looks: seldom enough that an idle proxy stays idle. */
const INTERVAL = 250;
/** Looks that are remembered: a minute of them. */
const REMEMBERED = 240;

/**
 * How late the event loop is: what a timer came late by, of the looks of the last minute. (The runtime's own histogram of it takes 370 kB, which
 * would be 2 % of an idle proxy.)
 */
export class LoopDelay {
  private readonly delays = new Float64Array(REMEMBERED);
  private looks = 0;
  private due = 0;
  private timer: Timer | undefined;

  constructor(private readonly clock: Clock) {
    this.arm();
  }

  /** Milliseconds that `quantile` (0 to 1) of the looks were late by at most; 0 before the first. */
  quantile(quantile: number): number {
    const known = Math.min(this.looks, REMEMBERED);
    if (known === 0) return 0;
    const sorted = this.delays.slice(0, known).sort();
    return sorted[Math.min(known - 1, Math.ceil(quantile * known) - 1)];
  }

  close(): void {
    this.timer?.cancel();
  }

  private arm(): void {
    this.due = this.clock.now() + INTERVAL;
    this.timer = this.clock.setTimer(INTERVAL, () => {
      this.delays[this.looks++ % REMEMBERED] = Math.max(0, this.clock.now() - this.due);
      this.arm();
    });
  }
}
