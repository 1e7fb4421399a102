import { latin1 } from '../../http1/bytes';

/** Fields of a section at most: the lines of a head (`MAX_HEADERS` of `http1/head`), pseudo-headers, and crumbs of cookies. */
export const MAX_FIELDS = 256;
const STRIDE = 3;
/** RFC 7541 §4.1. */
export const ENTRY_OVERHEAD = 32;

/**
 * The decoded fields of one header block, each a range of one buffer, name and value side by side:
 *
 *     bytes:  …│:path/cart│accept-encodinggzip│…
 *              nameStart  │
 *                   valueStart …  valueEnd
 *
 * Fields beyond the bound are counted and not kept. It is used again for the next block.
 */
export class FieldSection {
  bytes = Buffer.allocUnsafeSlow(4 * 1024);
  end = 0;
  count = 0;
  /** As RFC 9113 §6.5.2 counts SETTINGS_MAX_HEADER_LIST_SIZE, those that are not kept included. */
  size = 0;
  tooLarge = false;
  /** Index of the name's first entry in the static table; 0: another name. */
  readonly known = new Uint8Array(MAX_FIELDS);
  private readonly offsets = new Int32Array(MAX_FIELDS * STRIDE);

  /** `limit`: bytes of the list at most. */
  constructor(public limit: number) {}

  nameStart(i: number): number { return this.offsets[i * STRIDE]; }
  nameEnd(i: number): number { return this.offsets[i * STRIDE + 1]; }
  valueStart(i: number): number { return this.offsets[i * STRIDE + 1]; }
  valueEnd(i: number): number { return this.offsets[i * STRIDE + 2]; }

  name(i: number): string { return latin1(this.bytes, this.nameStart(i), this.nameEnd(i)); }
  value(i: number): string { return latin1(this.bytes, this.valueStart(i), this.valueEnd(i)); }

  clear(): void {
    this.end = this.count = this.size = 0;
    this.tooLarge = false;
  }

  /** Makes room for `length` bytes behind `at`. */
  reserve(at: number, length: number): void {
    if (at + length <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(at + length)));
    this.bytes.copy(larger, 0, 0, at);
    this.bytes = larger;
  }

  /** The field that was written at `end`. */
  add(valueStart: number, valueEnd: number, known: number): void {
    this.size += valueEnd - this.end + ENTRY_OVERHEAD;
    if (this.count === MAX_FIELDS || this.size > this.limit) {
      this.tooLarge = true;
      return;
    }
    const { count, offsets } = this;
    offsets[count * STRIDE] = this.end;
    offsets[count * STRIDE + 1] = valueStart;
    offsets[count * STRIDE + 2] = valueEnd;
    this.known[count] = known;
    this.count++;
    this.end = valueEnd;
  }
}
