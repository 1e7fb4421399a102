import type { FieldSection } from './hpack/field-section';

/** What came of a request's body, or on its tunnel, before there was anybody to take it: never more than the stream's window. */
export class EarlyBody {
  readonly pieces: Buffer[] = [];
  /** END_STREAM came with the last of them. */
  ended = false;
  trailers: FieldSection | undefined;

  get length(): number {
    return this.pieces.reduce((sum, { length }) => sum + length, 0);
  }

  add(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.pieces.push(Buffer.from(bytes.subarray(start, end)));
    this.ended = endStream;
  }
}
