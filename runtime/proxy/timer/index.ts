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
  list: DeadlineList | undefined;
  previous: Deadline | undefined;
  next: Deadline | undefined;
  constructor(readonly owner: DeadlineOwner, readonly kind: number) {}

  get set(): boolean {
    return this.list !== undefined;
  }
}

class DeadlineList {
  head: Deadline | undefined;
  private tail: Deadline | undefined;

  add(deadline: Deadline): void {
    deadline.list = this;
    deadline.previous = this.tail;
    deadline.next = undefined;
    if (this.tail !== undefined) this.tail.next = deadline;
    else this.head = deadline;
    this.tail = deadline;
  }

  remove(deadline: Deadline): void {
    if (deadline.previous !== undefined) deadline.previous.next = deadline.next;
    else this.head = deadline.next;
    if (deadline.next !== undefined) deadline.next.previous = deadline.previous;
    else this.tail = deadline.previous;
    deadline.list = deadline.previous = deadline.next = undefined;
  }
}

/** Milliseconds of a slot, and how many there are: powers of two. One turn is 16 seconds; who is due later stands in its slot for several turns. */
const TICK = 64;
const SLOTS = 256;

/**
 * All deadlines of the data path: one coarse wheel, and one timer of the clock.
 *
 *     slot      0        1        2   …   255
 *             d3, d7     –       d1        d9       each from its millisecond on; the timer stands at the earliest
 *
 * A deadline stands in the slot of its tick, in no order, so setting and clearing are a few assignments. For each slot a bound is known that nothing
 * in it is due before. When the timer fires, slots whose bound has come are looked through, and only they. Nothing is rounded to a tick: the timer is
 * set for the millisecond of the earliest deadline. It is left alone when that one is cleared, and finds nothing to do then, so a request that ends
 * in time costs no timer.
 */
export class Deadlines {
  private readonly slots = Array.from({ length: SLOTS }, () => new DeadlineList());
  /** By slot. */
  private readonly bounds = new Float64Array(SLOTS).fill(Infinity);
  private readonly passing = new DeadlineList();
  private timer: Timer | undefined;
  /** When the timer fires. */
  private armedFor = Infinity;
  private readonly onTimer = () => this.fire();
  private closed = false;

  /** @param onFault told of what owners throw; the others' deadlines go on. */
  constructor(readonly clock: Clock, private readonly onFault: (error: unknown) => void = throwOn) {}

  /** Sets (or moves) a deadline `delay` milliseconds from `now`. */
  set(deadline: Deadline, delay: number, now: number): void {
    if (this.closed) return;
    if (deadline.list !== undefined) deadline.list.remove(deadline);
    const due = now + delay;
    deadline.due = due;
    const slot = Math.floor(due / TICK) & (SLOTS - 1);
    this.slots[slot].add(deadline);
    if (due < this.bounds[slot]) this.bounds[slot] = due;
    if (due < this.armedFor) this.arm(due, delay);
  }

  clear(deadline: Deadline): void {
    deadline.list?.remove(deadline);
  }

  /** How many are set. They are counted when somebody asks: nobody who sets one pays for it. */
  get pending(): number {
    let count = 0;
    for (const { head } of this.slots) for (let deadline = head; deadline !== undefined; deadline = deadline.next) count++;
    return count;
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.timer = undefined;
    for (const list of [...this.slots, this.passing]) while (list.head !== undefined) list.remove(list.head);
  }

  private arm(due: number, delay: number): void {
    this.timer?.cancel();
    this.armedFor = due;
    this.timer = this.clock.setTimer(delay, this.onTimer);
  }

  private fire(): void {
    const now = this.clock.now();
    this.timer = undefined;
    // Who sets another one meanwhile need not arm: that is done below, for all.
    this.armedFor = -Infinity;
    for (let slot = 0; slot < SLOTS; slot++) if (this.bounds[slot] - now < 1) this.lookThrough(slot, now);
    try {
      for (let deadline = this.passing.head; deadline !== undefined; deadline = this.passing.head) {
        this.passing.remove(deadline);
        this.tell(deadline);
      }
    } finally {
      // Where `onFault` throws on, those behind it come next.
      const next = this.passing.head === undefined ? this.earliest() : now;
      if (next === Infinity) this.armedFor = Infinity;
      else this.arm(next, Math.max(1, next - this.clock.now()));
    }
  }

  /** Takes out who is due, and finds the slot's bound anew. A timer of the system may come a fraction of a millisecond early. */
  private lookThrough(slot: number, now: number): void {
    let bound = Infinity;
    for (let deadline = this.slots[slot].head; deadline !== undefined;) {
      const { next, due } = deadline;
      if (due - now < 1) {
        this.slots[slot].remove(deadline);
        this.passing.add(deadline);
      } else if (due < bound) {
        bound = due;
      }
      deadline = next;
    }
    this.bounds[slot] = bound;
  }

  /** When the next deadline is due. What a bound stood for may have been cleared since: only those of the slots that come into question are checked. */
  private earliest(): number {
    for (;;) {
      let first = 0;
      for (let slot = 1; slot < SLOTS; slot++) if (this.bounds[slot] < this.bounds[first]) first = slot;
      const bound = this.bounds[first];
      if (bound === Infinity || this.closed) return Infinity;
      this.lookThrough(first, -Infinity);
      if (this.bounds[first] === bound) return bound;
    }
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
}

function throwOn(error: unknown): never {
  throw error;
}
