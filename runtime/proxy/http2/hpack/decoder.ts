import { copyBytes } from '../../http1/bytes';
import { DynamicTable } from './dynamic-table';
import type { FieldSection } from './field-section';
import { decodeHuffman, decodedAtMost } from './huffman';
import { STATIC_ENTRIES, findStaticName, staticBytes, staticEnd, staticName, staticStart, staticValueStart } from './static-table';

/** What became of a header block. */
export const Decoded = {
  Ok: 0,
  /** COMPRESSION_ERROR of the connection: the two tables are not the same any more (RFC 7541 §2.2). */
  Invalid: 1,
  /** It unfolds to far more than anybody accepts. */
  Bomb: 2,
} as const;

/** SETTINGS_HEADER_TABLE_SIZE that peers are told: the default. */
export const TABLE_SIZE = 4096;
/** A list this many times over the limit is not read to its end, not even to keep the tables alike. */
const BOMB_FACTOR = 4;
/** Bytes of an integer after its prefix at most: 2^28 is more than any length or index here. */
const MAX_INTEGER_BYTES = 4;

/** Reads the header blocks of one connection (RFC 7541 §3) in their order. */
export class HpackDecoder {
  private readonly table = new DynamicTable(TABLE_SIZE);
  /** Where the last integer or string ended; -1: it was not valid. */
  private at = 0;

  /** Decodes [start, end) into `fields`. A list beyond its limit is still read, for the tables' sake, and says `tooLarge`. */
  decode(bytes: Buffer, start: number, end: number, fields: FieldSection): number {
    fields.clear();
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
        if (!this.indexed(this.integer(bytes, i, end, 0x7f), fields)) return Decoded.Invalid;
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

  private indexed(index: number, fields: FieldSection): boolean {
    if (this.at < 0 || index === 0) return false;
    const { table } = this;
    if (index <= STATIC_ENTRIES) {
      this.copyField(staticBytes, staticStart[index], staticValueStart[index], staticEnd[index], staticName[index], fields);
      return true;
    }
    const dynamic = index - STATIC_ENTRIES - 1;
    if (dynamic >= table.count) return false;
    this.copyField(table.bytes, table.start(dynamic), table.valueStart(dynamic), table.end(dynamic), table.knownName(dynamic), fields);
    return true;
  }

  private copyField(from: Buffer, start: number, valueStart: number, end: number, known: number, fields: FieldSection): void {
    const at = fields.end;
    // What will not be kept is counted only.
    if (!fields.tooLarge) {
      fields.reserve(at, end - start);
      copyBytes(from, start, end, fields.bytes, at);
    }
    fields.add(at + valueStart - start, at + end - start, known);
  }

  private literal(bytes: Buffer, i: number, end: number, mask: number, inserts: boolean, fields: FieldSection): boolean {
    const index = this.integer(bytes, i, end, mask);
    if (this.at < 0) return false;
    let known = 0;
    let valueStart: number;
    if (index === 0) {
      valueStart = this.string(bytes, this.at, end, fields, fields.end);
      if (this.at < 0) return false;
      known = findStaticName(fields.bytes, fields.end, valueStart);
    } else {
      valueStart = this.name(index, fields);
      if (valueStart < 0) return false;
      known = index <= STATIC_ENTRIES ? staticName[index] : this.table.knownName(index - STATIC_ENTRIES - 1);
    }
    const valueEnd = this.string(bytes, this.at, end, fields, valueStart);
    if (this.at < 0) return false;
    if (inserts) this.table.insert(fields.bytes, fields.end, valueStart, valueEnd, known);
    fields.add(valueStart, valueEnd, known);
    return true;
  }

  /** The name of entry `index`, written behind the fields; returns its end, or -1. */
  private name(index: number, fields: FieldSection): number {
    const { table } = this;
    const at = fields.end;
    if (index <= STATIC_ENTRIES) {
      fields.reserve(at, 64);
      return copyBytes(staticBytes, staticStart[index], staticValueStart[index], fields.bytes, at);
    }
    const dynamic = index - STATIC_ENTRIES - 1;
    if (dynamic >= table.count) return -1;
    const start = table.start(dynamic), valueStart = table.valueStart(dynamic);
    fields.reserve(at, valueStart - start);
    return copyBytes(table.bytes, start, valueStart, fields.bytes, at);
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
      fields.reserve(to, length);
      return copyBytes(bytes, at, at + length, fields.bytes, to);
    }
    fields.reserve(to, decodedAtMost(length));
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
