import { CR, LF } from '../http1/bytes';

const enum S { Size, Extension, SizeLf, Data, DataCr, DataLf, Trailers, Done }

/**
 * Takes chunks off a body that has been checked already, cut anywhere: the data runs as ranges, the trailer section as bytes. (Whether a chunked
 * body is valid is `ChunkedScanner`'s to say, before it comes here.)
 */
export class Dechunker {
  private state = S.Size;
  private size = 0;
  /** Of the trailer section, with the empty line that ends it. */
  private trailerBytes: Buffer[] = [];
  /** Bytes of the trailer line that is being read. */
  private lineLength = 0;
  dataStart = 0;
  dataEnd = 0;

  reset(): void {
    this.state = S.Size;
    this.size = this.lineLength = 0;
    if (this.trailerBytes.length > 0) this.trailerBytes = [];
  }

  get done(): boolean {
    return this.state === S.Done;
  }

  /** Lines of the trailer section, each with its CRLF, and the empty one. */
  get trailers(): Buffer {
    return Buffer.concat(this.trailerBytes);
  }

  /** Goes on at `i` to behind the next run of data, which is then [dataStart, dataEnd), or to `end`. */
  next(bytes: Buffer, i: number, end: number): number {
    this.dataStart = this.dataEnd = i;
    while (i < end && this.state !== S.Done) {
      if (this.state === S.Data) {
        const length = Math.min(end - i, this.size);
        this.dataStart = i;
        this.dataEnd = i += length;
        this.size -= length;
        if (this.size === 0) this.state = S.DataCr;
        return i;
      }
      if (this.state === S.Trailers) return this.readTrailers(bytes, i, end);
      this.step(bytes[i++]);
    }
    return i;
  }

  private step(c: number): void {
    switch (this.state) {
      case S.Size:
        if (c === CR) this.state = S.SizeLf;
        else if (c === 59) this.state = S.Extension;
        else this.size = this.size * 16 + (c <= 57 ? c - 48 : (c | 32) - 87);
        return;
      case S.Extension:
        if (c === CR) this.state = S.SizeLf;
        return;
      case S.SizeLf:
        this.state = this.size === 0 ? S.Trailers : S.Data;
        return;
      case S.DataCr:
        this.state = S.DataLf;
        return;
      default:
        this.state = S.Size;
    }
  }

  /** The section ends with an empty line: CRLF at its beginning or after a line. */
  private readTrailers(bytes: Buffer, start: number, end: number): number {
    let i = start;
    while (i < end && this.state !== S.Done) {
      if (bytes[i++] !== LF) {this.lineLength++;} else {
        if (this.lineLength === 1) this.state = S.Done;
        this.lineLength = 0;
      }
    }
    this.trailerBytes.push(Buffer.from(bytes.subarray(start, i)));
    return i;
  }
}
