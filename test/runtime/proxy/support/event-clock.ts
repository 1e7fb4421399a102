import type { Clock, Timer } from '../../../../runtime/clock';
import { VirtualClock } from '../../../../runtime/clock/virtual';

interface Wait {
  readonly delay: number;
  readonly resolve: () => void;
}

/**
 * Virtual time for tests with real sockets: a test awaits the timer that the code under test sets as an answer to something that came over a socket,
 * and only then moves time on.
 */
export class EventClock implements Clock {
  readonly virtual = new VirtualClock();
  private readonly set: number[] = [];
  private readonly waiting: Wait[] = [];

  now(): number {
    return this.virtual.now();
  }

  wallTime(): number {
    return this.virtual.wallTime();
  }

  setTimer(delay: number, callback: () => void): Timer {
    const timer = this.virtual.setTimer(delay, callback);
    const at = this.waiting.findIndex((wait) => wait.delay === delay);
    if (at >= 0) this.waiting.splice(at, 1)[0].resolve();
    else this.set.push(delay);
    return timer;
  }

  /** Resolves when a timer of exactly that delay is set, or was since the last such call. */
  async timerOf(delay: number): Promise<void> {
    const at = this.set.indexOf(delay);
    if (at >= 0) {
      this.set.splice(at, 1);
      return;
    }
    await new Promise<void>((resolve) => this.waiting.push({ delay, resolve }));
  }

  advance(milliseconds: number): void {
    this.virtual.advance(milliseconds);
  }
}
