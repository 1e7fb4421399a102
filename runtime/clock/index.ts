// Not the global of the same name, which is looked up by a getter each time: the data path asks a few times a request.
import { performance } from 'node:perf_hooks';

/**
 * Time, as everything in the planes sees it. It is always passed in: production gives `systemClock`, tests and the behaviour harness a
 * `VirtualClock`, on which nothing happens until the test advances it.
 */
export interface Clock {
  /** Milliseconds since an arbitrary origin; never goes back. */
  now(): number;
  /** Milliseconds since the Unix epoch, for what is shown or sent. */
  wallTime(): number;
  /** Calls `callback` once, not before `delay` milliseconds; timers of a process may share a coarse tick. */
  setTimer(delay: number, callback: () => void): Timer;
}

/** A pending call of `Clock.setTimer`. */
export interface Timer {
  /** Forgets the call; harmless when it was made already. */
  cancel(): void;
}

class SystemTimer implements Timer {
  constructor(private readonly handle: NodeJS.Timeout) {}
  cancel(): void {
    clearTimeout(this.handle);
  }
}

/** The process's own clock. Timers keep the process alive only as long as something else does. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  setTimer(delay, callback) {
    const handle = setTimeout(callback, delay);
    handle.unref();
    return new SystemTimer(handle);
  },
};
