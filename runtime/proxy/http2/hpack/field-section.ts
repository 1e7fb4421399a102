import { latin1 } from '../../http1/bytes';

/** Fields of a section at most: the lines of a head (`MAX_HEADERS` of `http1/head`), pseudo-headers, and crumbs of cookies. */
export const MAX_FIELDS = 256;
const STRIDE = 5;
/** RFC 7541 §4.1. */
export const ENTRY_OVERHEAD = 32;
/** Bytes before the first field: a status-line takes the place of `:status`, and is longer. */
export const SECTION_START = 16;

/** A name that is not in the static table, though `http1/head` knows it: this and its `Known`. */
export const KNOWN_BASE = 64;
/** `:protocol` (RFC 8441 §4). */
export const PROTOCOL = 127;

/**
 * The decoded fields of one header block, written as the lines of an HTTP/1.1 head, so that whoever reads heads can read them where they are:
 *
 *     bytes:  …│:path: /cart\r\n│accept-encoding: gzip\r\n│…
 *              nameStart         │
 *                     nameEnd = valueStart - 2 …  valueEnd, then CRLF
 *
 * `raw` is the block that they came from; a field that stands there in a form that means the same in every other block is [rawStart, rawEnd) of it.
 * Fields beyond the bound are counted and not kept. It is used again for the next block.
 */
export class FieldSection {
  bytes = Buffer.allocUnsafeSlow(4 * 1024);
  end = SECTION_START;
  count = 0;
  /** As RFC 9113 §6.5.2 counts SETTINGS_MAX_HEADER_LIST_SIZE, those that are not kept included. */
  size = 0;
  tooLarge = false;
  /** A name or value that no message may have (RFC 9113 §8.2.1), or a field that concerns a connection (§8.2.2). */
  malformed = false;
  raw: Buffer = this.bytes;
  /** First entry of its name in the static table, or `KNOWN_BASE` + `Known`; 0: another name. */
  readonly known = new Uint8Array(MAX_FIELDS);
  private readonly offsets = new Int32Array(MAX_FIELDS * STRIDE);

  /** `limit`: bytes of the list at most. */
  constructor(public limit: number) {}

  nameStart(i: number): number { return this.offsets[i * STRIDE]; }
  nameEnd(i: number): number { return this.offsets[i * STRIDE + 1]; }
  valueStart(i: number): number { return this.offsets[i * STRIDE + 1] + 2; }
  valueEnd(i: number): number { return this.offsets[i * STRIDE + 2]; }
  /** -1: it has to be encoded anew. */
  rawStart(i: number): number { return this.offsets[i * STRIDE + 3]; }
  rawEnd(i: number): number { return this.offsets[i * STRIDE + 4]; }

  name(i: number): string { return latin1(this.bytes, this.nameStart(i), this.nameEnd(i)); }
  value(i: number): string { return latin1(this.bytes, this.valueStart(i), this.valueEnd(i)); }

  clear(): void {
    this.end = SECTION_START;
    this.count = this.size = 0;
    this.tooLarge = this.malformed = false;
  }

  /** As it is now, for later than this block. */
  copy(): FieldSection {
    const { count, end, raw, offsets } = this;
    const copy = new FieldSection(this.limit);
    copy.reserve(0, end);
    this.bytes.copy(copy.bytes, 0, 0, end);
    copy.end = end;
    copy.count = count;
    copy.size = this.size;
    copy.known.set(this.known.subarray(0, count));
    copy.offsets.set(offsets.subarray(0, count * STRIDE));
    let from = Infinity, to = 0;
    for (let i = 0; i < count; i++) {
      if (this.rawStart(i) < 0) continue;
      from = Math.min(from, this.rawStart(i));
      to = Math.max(to, this.rawEnd(i));
    }
    if (to === 0) return copy;
    copy.raw = Buffer.from(raw.subarray(from, to));
    for (let i = 0; i < count; i++) {
      if (this.rawStart(i) < 0) continue;
      copy.offsets[i * STRIDE + 3] -= from;
      copy.offsets[i * STRIDE + 4] -= from;
    }
    return copy;
  }

  /** Makes room for `length` bytes behind `at`. */
  reserve(at: number, length: number): void {
    if (at + length <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(at + length)));
    this.bytes.copy(larger, 0, 0, at);
    this.bytes = larger;
  }

  /** The field that was written at `end`, its CRLF included. */
  add(nameEnd: number, valueEnd: number, known: number, rawStart: number, rawEnd: number): void {
    // Without `: ` and CRLF.
    this.size += valueEnd - this.end - 2 + ENTRY_OVERHEAD;
    if (this.count === MAX_FIELDS || this.size > this.limit) {
      this.tooLarge = true;
      return;
    }
    const { count, offsets } = this;
    const at = count * STRIDE;
    offsets[at] = this.end;
    offsets[at + 1] = nameEnd;
    offsets[at + 2] = valueEnd;
    offsets[at + 3] = rawStart;
    offsets[at + 4] = rawEnd;
    this.known[count] = known;
    this.count = count + 1;
    this.end = valueEnd + 2;
  }

  /** Another value for field `i`, not longer than the one it has. */
  setValue(i: number, text: string): void {
    const start = this.valueStart(i);
    this.offsets[i * STRIDE + 2] = start + this.bytes.write(text, start, 'latin1');
    this.offsets[i * STRIDE + 3] = -1;
  }

  /** Forgets the fields from `count` on. */
  truncate(count: number): void {
    if (count < this.count) this.end = this.nameStart(count);
    this.count = count;
  }

  /** A field that stands elsewhere. */
  append(from: Buffer, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number, known: number): void {
    const at = this.end;
    this.reserve(at, nameEnd - nameStart + valueEnd - valueStart + 4);
    const { bytes } = this;
    const name = at + from.copy(bytes, at, nameStart, nameEnd);
    bytes[name] = 58;
    bytes[name + 1] = 32;
    const end = name + 2 + from.copy(bytes, name + 2, valueStart, valueEnd);
    bytes[end] = 13;
    bytes[end + 1] = 10;
    this.add(name, end, known, -1, -1);
  }
}
