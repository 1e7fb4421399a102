import type { Clock, Timer } from '../../clock';

/** Whom a deadline tells that it has passed; `kind` tells an owner's deadlines apart, so that none needs a closure. */
export interface DeadlineOwner {
  onDeadline(kind: number): void;
  /** `onDeadline` has thrown: whatever it is about ends. */
  onFault?(): void;
}

/**
 * A point in time that most often never comes: a request's timeout, an idle connection's end. Its owner makes it once and sets it again and again;
 * setting and clearing allocate nothing.
 */
export class Deadline {
  due = 0;
  queue: Queue | undefined;
  previous: Deadline | undefined;
  next: Deadline | undefined;
  constructor(readonly owner: DeadlineOwner, readonly kind: number) {}

  get set(): boolean {
    return this.queue !== undefined;
  }
}

/**
 * All deadlines of the data path. Those with the same delay stand in one list, which is then ordered by itself, and share one timer of the clock:
 *
 *     500 ms:  head → d3 → d7 → d1 → tail      one timer, at d3's due time
 *      15 s:   head → d2 → tail                one timer, at d2's
 *
 * There are as many lists as a configuration has different durations, and no rounding: a deadline passes at its millisecond, on every clock. A
 * list's timer is left alone when its deadlines are cleared and finds nothing to do then, so a request that ends in time costs no timer.
 */
export class Deadlines {
  private readonly queues = new Map<number, Queue>();
  private closed = false;

  /** @param onFault told of what owners throw; the others' deadlines go on. */
  constructor(readonly clock: Clock, private readonly onFault: (error: unknown) => void = throwOn) {}

  /** Sets (or moves) a deadline `delay` milliseconds from `now`. */
  set(deadline: Deadline, delay: number, now: number): void {
    if (this.closed) return;
    if (deadline.queue !== undefined) deadline.queue.remove(deadline);
    let queue = this.queues.get(delay);
    if (queue === undefined) this.queues.set(delay, (queue = new Queue(this.clock, delay, this.onFault)));
    deadline.due = now + delay;
    queue.add(deadline);
  }

  clear(deadline: Deadline): void {
    deadline.queue?.remove(deadline);
  }

  close(): void {
    this.closed = true;
    for (const queue of this.queues.values()) queue.close();
    this.queues.clear();
  }
}

function throwOn(error: unknown): never {
  throw error;
}

class Queue {
  private head: Deadline | undefined;
  private tail: Deadline | undefined;
  private timer: Timer | undefined;

  constructor(private readonly clock: Clock, private readonly delay: number, private readonly onFault: (error: unknown) => void) {}

  add(deadline: Deadline): void {
    deadline.queue = this;
    deadline.previous = this.tail;
    deadline.next = undefined;
    if (this.tail !== undefined) this.tail.next = deadline;
    else this.head = deadline;
    this.tail = deadline;
    if (this.timer === undefined) this.arm(this.delay);
  }

  remove(deadline: Deadline): void {
    if (deadline.previous !== undefined) deadline.previous.next = deadline.next;
    else this.head = deadline.next;
    if (deadline.next !== undefined) deadline.next.previous = deadline.previous;
    else this.tail = deadline.previous;
    deadline.queue = deadline.previous = deadline.next = undefined;
  }

  close(): void {
    this.timer?.cancel();
    this.timer = undefined;
    while (this.head !== undefined) this.remove(this.head);
  }

  private tell({ owner, kind }: Deadline): void {
    try {
      owner.onDeadline(kind);
    } catch (error) {
      this.onFault(error);
      try {
        owner.onFault?.();
      } catch (again) {
        this.onFault(again);
      }
    }
  }

  private arm(delay: number): void {
    this.timer = this.clock.setTimer(delay, () => this.fire());
  }

  private fire(): void {
    const now = this.clock.now();
    // A timer of the system may come a fraction of a millisecond early.
    while (this.head !== undefined && this.head.due - now < 1) {
      const deadline = this.head;
      this.remove(deadline);
      this.tell(deadline);
    }
    this.timer = undefined;
    if (this.head !== undefined) this.arm(Math.max(1, this.head.due - this.clock.now()));
  }
}
