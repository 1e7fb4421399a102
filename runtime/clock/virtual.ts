import type { Clock, Timer } from '.';

interface Entry extends Timer {
  readonly due: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until `advance` moves it. Timers fire in the order of their due time, and of their creation where that is equal;
 * a timer that a callback sets within the advanced span fires in the same call.
 */
export class VirtualClock implements Clock {
  /** In the order of their creation. */
  private readonly pending = new Set<Entry>();
  private time = 0;

  /** @param epoch what `wallTime` says at the beginning, in milliseconds since 1970. */
  constructor(private readonly epoch = Date.UTC(2026, 0, 1)) {}

  now(): number {
    return this.time;
  }

  wallTime(): number {
    return this.epoch + this.time;
  }

  setTimer(delay: number, callback: () => void): Timer {
    const entry: Entry = {
      due: this.time + Math.max(0, delay),
      callback,
      cancel: () => this.pending.delete(entry),
    };
    this.pending.add(entry);
    return entry;
  }

  /** Number of timers that are set and neither fired nor cancelled. */
  get timers(): number {
    return this.pending.size;
  }

  /** Milliseconds until the next timer, or undefined where none is set. */
  untilNext(): number | undefined {
    const next = this.next(Infinity);
    return next && next.due - this.time;
  }

  /** Moves time on by `milliseconds`, firing what falls due on the way. */
  advance(milliseconds: number): void {
    const target = this.time + milliseconds;
    for (let entry = this.next(target); entry; entry = this.next(target)) {
      this.pending.delete(entry);
      this.time = entry.due;
      entry.callback();
    }
    this.time = target;
  }

  private next(until: number): Entry | undefined {
    let found: Entry | undefined;
    for (const entry of this.pending) {
      if (entry.due <= until && (!found || entry.due < found.due)) found = entry;
    }
    return found;
  }
}
