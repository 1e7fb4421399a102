/** Writes up to this long wait for the end of their round of events; four lines of a cache apart, so that slots do not push each other out of it. */
export const SLOT_BYTES = 4 * 1024 + 256;
/** As many writes wait at most: the first of a round must not wait for a thousand others to be read. */
const SLOTS = 64;

/** Rounds in a row with as few writes as it takes to find out that waiting is of no use. */
const SPARSE_WRITES = 2;
const SPARSE_ROUNDS = 4;
/** Writes that then go out at once, until a round is looked at again. */
const UNTIL_PROBE = 32;

/** Who has bytes in a slot. */
export interface BatchedWriter {
  slot: Slot | undefined;
  /** Hands the slot's bytes to the system. */
  commit(): void;
}

/** Bytes of one connection that wait. */
export class Slot {
  owner: BatchedWriter | undefined;
  used = 0;
  private lastView: Uint8Array | undefined;
  private viewBefore: Uint8Array | undefined;

  constructor(private bytes: Buffer) {}

  /** False where there is no room. */
  append(from: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    const { bytes, used } = this;
    if (used + length > SLOT_BYTES) return false;
    if (length < 64) for (let i = 0; i < length; i++) bytes[used + i] = from[start + i];
    else Buffer.prototype.copy.call(from, bytes, used, start, end);
    this.used = used + length;
    return true;
  }

  /** What is in it. Lengths recur, those of requests and those of answers, and a view costs more than to look whether there is one. */
  view(): Uint8Array {
    const { lastView, viewBefore, used } = this;
    if (lastView !== undefined && lastView.length === used) return lastView;
    this.viewBefore = lastView;
    if (viewBefore !== undefined && viewBefore.length === used) return (this.lastView = viewBefore);
    return (this.lastView = new Uint8Array(this.bytes.buffer, this.bytes.byteOffset, used));
  }

  /** A pending write reads from it: other memory from now on. */
  lend(): void {
    this.bytes = Buffer.allocUnsafeSlow(SLOT_BYTES);
    this.lastView = this.viewBefore = undefined;
  }
}

/**
 * Short writes of one round of events, which go out together at its end. One after the other as they come, each would wake its reader, who finds
 * one message, answers it, and sleeps again before the next: on one machine that costs both sides a wake-up a message. What one connection is sent
 * in a round goes out as one.
 */
export class WriteBatch {
  private readonly slots: Slot[] = [];
  private count = 0;
  private sparseRounds = 0;
  private atOnce = 0;
  private readonly run = () => this.flush();

  /** @param defer runs after the present round of events. */
  constructor(private readonly defer: (run: () => void) => void = setImmediate) {}

  /** A slot for a writer that has none; undefined where its bytes had better go out at once. */
  take(owner: BatchedWriter): Slot | undefined {
    if (this.count === 0) {
      if (this.sparseRounds >= SPARSE_ROUNDS && ++this.atOnce < UNTIL_PROBE) return undefined;
      this.atOnce = 0;
      this.defer(this.run);
    } else if (this.count === SLOTS) {
      this.flush();
      this.defer(this.run);
    }
    if (this.count === this.slots.length) this.grow();
    const slot = this.slots[this.count++];
    slot.owner = owner;
    slot.used = 0;
    return slot;
  }

  private flush(): void {
    const { slots, count } = this;
    this.count = 0;
    this.sparseRounds = count <= SPARSE_WRITES ? this.sparseRounds + 1 : 0;
    for (let i = 0; i < count; i++) {
      const { owner } = slots[i];
      if (owner !== undefined) owner.commit();
    }
  }

  private grow(): void {
    const memory = Buffer.allocUnsafeSlow(SLOT_BYTES * 8);
    for (let at = 0; at < memory.length; at += SLOT_BYTES) this.slots.push(new Slot(memory.subarray(at, at + SLOT_BYTES)));
  }
}
