import type { Timer } from '../../../../runtime/clock';
import { VirtualClock } from '../../../../runtime/clock/virtual';

/** A virtual clock beside real sockets: a test waits until a timer is set, and then lets its time pass. */
export class WatchedClock extends VirtualClock {
  private readonly set = new Set<{ readonly delay: number; readonly due: number }>();
  private readonly waiting = new Set<() => void>();

  override setTimer(delay: number, callback: () => void): Timer {
    const entry = { delay, due: this.now() + delay };
    this.set.add(entry);
    const timer = super.setTimer(delay, () => {
      this.set.delete(entry);
      callback();
    });
    for (const check of [...this.waiting]) check();
    return {
      cancel: () => {
        this.set.delete(entry);
        timer.cancel();
      },
    };
  }

  /** Time goes on, beside what comes over sockets, until it holds. */
  async run(until: () => boolean, step = 50): Promise<void> {
    while (!until()) {
      this.advance(step);
      await new Promise((done) => setImmediate(done));
    }
  }

  /** Waits for a timer whose delay it is, and lets it fire. */
  async pass(delay: (milliseconds: number) => boolean): Promise<void> {
    const due = await new Promise<number>((done) => {
      const check = () => {
        const found = [...this.set].find((one) => delay(one.delay));
        if (!found) return;
        this.waiting.delete(check);
        done(found.due);
      };
      this.waiting.add(check);
      check();
    });
    this.advance(Math.max(0, due - this.now()));
  }
}
