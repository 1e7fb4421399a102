import { ENTRY_OVERHEAD } from './field-section';

/**
 * The dynamic table of one decoder (RFC 7541 §2.3.2). The bytes of its entries stand one behind the other, oldest first; what is evicted leaves at
 * the front, and where the end of the room is reached the rest moves to the front:
 *
 *     bytes:    │ (evicted) │ oldest │ … │ newest │ (free)        twice the largest size
 *     entries:  a ring of { start, name's end, end, known name }; index 62 is the newest; each a line, `name: value` and CRLF
 *
 * Nothing is allocated before the first insertion: a peer that never indexes costs nothing.
 */
export class DynamicTable {
  bytes: Buffer = EMPTY;
  count = 0;
  private size = 0;
  private newest = 0;
  private free = 0;
  private starts: Uint32Array = NONE;
  private nameEnds: Uint32Array = NONE;
  private ends: Uint32Array = NONE;
  private names: Uint8Array = NO_NAMES;
  private mask = 0;

  /** `most`: what the peer was told as SETTINGS_HEADER_TABLE_SIZE; `maxSize`: what it uses of that. */
  constructor(readonly most: number, private maxSize = most) {}

  // `index` counts from the newest, which is 0.
  start(index: number): number { return this.starts[(this.newest - index) & this.mask]; }
  nameEnd(index: number): number { return this.nameEnds[(this.newest - index) & this.mask]; }
  end(index: number): number { return this.ends[(this.newest - index) & this.mask]; }
  known(index: number): number { return this.names[(this.newest - index) & this.mask]; }

  resize(maxSize: number): void {
    this.maxSize = maxSize;
    this.evict(maxSize);
  }

  /** The line at `start`; one that is larger than the table empties it (RFC 7541 §4.4). */
  insert(bytes: Buffer, start: number, nameEnd: number, valueEnd: number, known: number): void {
    const end = valueEnd + 2;
    const length = end - start;
    // `: ` and CRLF are ours.
    const size = length - 4 + ENTRY_OVERHEAD;
    if (size > this.maxSize) {
      this.evict(0);
      return;
    }
    this.evict(this.maxSize - size);
    if (this.mask === 0) this.allocate();
    if (this.free + length > this.bytes.length) this.moveToFront();
    const at = this.free;
    bytes.copy(this.bytes, at, start, end);
    this.free = at + length;
    const slot = (this.newest + 1) & this.mask;
    this.newest = slot;
    this.starts[slot] = at;
    this.nameEnds[slot] = at + nameEnd - start;
    this.ends[slot] = at + length;
    this.names[slot] = known;
    this.count++;
    this.size += size;
  }

  private evict(size: number): void {
    while (this.size > size) {
      const oldest = this.count - 1;
      this.size -= this.end(oldest) - this.start(oldest) - 4 + ENTRY_OVERHEAD;
      this.count--;
    }
  }

  private allocate(): void {
    const entries = 2 ** Math.ceil(Math.log2(Math.max(2, this.most / ENTRY_OVERHEAD)));
    this.bytes = Buffer.allocUnsafeSlow(this.most * 2);
    this.mask = entries - 1;
    this.starts = new Uint32Array(entries);
    this.nameEnds = new Uint32Array(entries);
    this.ends = new Uint32Array(entries);
    this.names = new Uint8Array(entries);
  }

  private moveToFront(): void {
    const from = this.count === 0 ? this.free : this.start(this.count - 1);
    this.bytes.copyWithin(0, from, this.free);
    this.free -= from;
    for (let i = 0; i < this.count; i++) {
      const slot = (this.newest - i) & this.mask;
      this.starts[slot] -= from;
      this.nameEnds[slot] -= from;
      this.ends[slot] -= from;
    }
  }
}

const EMPTY = Buffer.alloc(0);
const NONE = new Uint32Array(0);
const NO_NAMES = new Uint8Array(0);
