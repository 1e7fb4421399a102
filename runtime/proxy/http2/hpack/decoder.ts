import { CR, LF, copyBytes } from '../../http1/bytes';
import { DynamicTable } from './dynamic-table';
import type { FieldSection } from './field-section';
import { isValue, knownName } from './field-syntax';
import { decodeHuffman, decodedAtMost } from './huffman';
import { STATIC_ENTRIES, staticBytes, staticEnd, staticName, staticNameEnd, staticStart } from './static-table';

/** What became of a header block. */
export const Decoded = {
  Ok: 0,
  /** COMPRESSION_ERROR of the connection: the two tables are not the same any more (RFC 7541 §2.2). */
  Invalid: 1,
  /** It unfolds to far more than anybody accepts. */
  Bomb: 2,
} as const;

/** SETTINGS_HEADER_TABLE_SIZE that a client is told: the default. */
export const TABLE_SIZE = 4096;
/** A list this many times over the limit is not read to its end, not even to keep the tables alike. */
const BOMB_FACTOR = 4;
/** Bytes of an integer after its prefix at most: 2^28 is more than any length or index here. */
const MAX_INTEGER_BYTES = 4;
/** A field's `known` where its name or value is not valid. */
const MALFORMED = 255;

/** Reads the header blocks of one connection (RFC 7541 §3) in their order. */
export class HpackDecoder {
  private readonly table = new DynamicTable(TABLE_SIZE);
  /** Where the last integer or string ended; -1: it was not valid. */
  private at = 0;

  /** Decodes [start, end) into `fields`. A list beyond its limit is still read, for the tables' sake, and says `tooLarge`. */
  decode(bytes: Buffer, start: number, end: number, fields: FieldSection): number {
    fields.clear();
    fields.raw = bytes;
    let i = start;
    // Size updates stand at the beginning only (RFC 7541 §4.2).
    while (i < end && (bytes[i] & 0xe0) === 0x20) {
      const size = this.integer(bytes, i, end, 0x1f);
      if (this.at < 0 || size > TABLE_SIZE) return Decoded.Invalid;
      this.table.resize(size);
      i = this.at;
    }
    const bomb = fields.limit * BOMB_FACTOR;
    while (i < end) {
      const first = bytes[i];
      if (first >= 0x80) {
        if (!this.indexed(this.integer(bytes, i, end, 0x7f), i, fields)) return Decoded.Invalid;
      } else if (first >= 0x40) {
        if (!this.literal(bytes, i, end, 0x3f, true, fields)) return Decoded.Invalid;
      } else if (first >= 0x20 || !this.literal(bytes, i, end, 0x0f, false, fields)) {
        return Decoded.Invalid;
      }
      i = this.at;
      if (fields.size > bomb) return Decoded.Bomb;
    }
    return Decoded.Ok;
  }

  private indexed(index: number, i: number, fields: FieldSection): boolean {
    const { at, table } = this;
    if (at < 0 || index === 0) return false;
    if (index <= STATIC_ENTRIES) {
      this.copyField(staticBytes, staticStart[index], staticNameEnd[index], staticEnd[index], staticName[index], i, at, fields);
      return true;
    }
    const entry = index - STATIC_ENTRIES - 1;
    if (entry >= table.count) return false;
    this.copyField(table.bytes, table.start(entry), table.nameEnd(entry), table.end(entry), table.known(entry), -1, -1, fields);
    return true;
  }

  /** A whole entry, which stands in its table as it shall stand in the section. */
  private copyField(
    from: Buffer, start: number, nameEnd: number, end: number, known: number, rawStart: number, rawEnd: number, fields: FieldSection,
  ): void {
    const at = fields.end;
    // What will not be kept is counted only.
    if (!fields.tooLarge) {
      fields.reserve(at, end - start);
      copyBytes(from, start, end, fields.bytes, at);
    }
    if (known === MALFORMED) fields.malformed = true;
    fields.add(at + nameEnd - start, at + end - start - 2, known, rawStart, rawEnd);
  }

  private literal(bytes: Buffer, i: number, end: number, mask: number, inserts: boolean, fields: FieldSection): boolean {
    const index = this.integer(bytes, i, end, mask);
    if (this.at < 0) return false;
    const start = fields.end;
    let known: number;
    let nameEnd: number;
    if (index === 0) {
      nameEnd = this.string(bytes, this.at, end, fields, start);
      if (this.at < 0) return false;
      known = knownName(fields.bytes, start, nameEnd);
      if (known < 0) known = MALFORMED;
    } else if (index <= STATIC_ENTRIES) {
      known = staticName[index];
      fields.reserve(start, 64);
      nameEnd = copyBytes(staticBytes, staticStart[index], staticNameEnd[index], fields.bytes, start);
    } else {
      const { table } = this;
      const entry = index - STATIC_ENTRIES - 1;
      if (entry >= table.count) return false;
      known = table.known(entry);
      const from = table.start(entry), to = table.nameEnd(entry);
      fields.reserve(start, to - from);
      nameEnd = copyBytes(table.bytes, from, to, fields.bytes, start);
    }
    const valueEnd = this.string(bytes, this.at, end, fields, nameEnd + 2);
    if (this.at < 0) return false;
    const to = fields.bytes;
    to[nameEnd] = 58;
    to[nameEnd + 1] = 32;
    to[valueEnd] = CR;
    to[valueEnd + 1] = LF;
    if (!isValue(to, nameEnd + 2, valueEnd)) known = MALFORMED;
    if (known === MALFORMED) fields.malformed = true;
    if (inserts) this.table.insert(to, start, nameEnd, valueEnd, known);
    // A name of the table, or an insertion, means something in this block only.
    const own = inserts || index > STATIC_ENTRIES;
    fields.add(nameEnd, valueEnd, known, own ? -1 : i, this.at);
    return true;
  }

  /** A string literal (RFC 7541 §5.2), written at `to` of the fields' bytes; returns its end there. */
  private string(bytes: Buffer, i: number, end: number, fields: FieldSection, to: number): number {
    if (i >= end) {
      this.at = -1;
      return to;
    }
    const coded = bytes[i] >= 0x80;
    const length = this.integer(bytes, i, end, 0x7f);
    const { at } = this;
    if (at < 0 || length > end - at) {
      this.at = -1;
      return to;
    }
    this.at = at + length;
    if (!coded) {
      fields.reserve(to, length + 2);
      return copyBytes(bytes, at, at + length, fields.bytes, to);
    }
    fields.reserve(to, decodedAtMost(length) + 2);
    const stop = decodeHuffman(bytes, at, at + length, fields.bytes, to);
    if (stop < 0) this.at = -1;
    return stop;
  }

  /** An integer (RFC 7541 §5.1) whose prefix is `mask`; `at` is -1 where it is cut off or larger than anything here. */
  private integer(bytes: Buffer, i: number, end: number, mask: number): number {
    let value = bytes[i] & mask;
    let at = i + 1;
    if (value < mask) {
      this.at = at;
      return value;
    }
    for (let shift = 0; shift < MAX_INTEGER_BYTES * 7; shift += 7) {
      if (at >= end) break;
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        this.at = at;
        return value;
      }
    }
    this.at = -1;
    return 0;
  }
}
