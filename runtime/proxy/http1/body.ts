import { ChunkedScanner } from './chunked';
import { Body, type Framing } from './framing';

/** Finds the end of one message's body; used again for the next message. */
export class BodyReader {
  kind: number = Body.None;
  private remaining = 0;
  private chunks: ChunkedScanner | undefined;

  start(framing: Framing): void {
    this.kind = framing.body;
    if (this.kind === Body.Length) {
      this.remaining = framing.length;
    } else if (this.kind === Body.Chunked) {
      this.chunks ??= new ChunkedScanner();
      this.chunks.reset(framing.listedNames);
    }
  }

  /** Whether the whole body has been read. One that ends with its connection never says so. */
  get done(): boolean {
    switch (this.kind) {
      case Body.None: return true;
      case Body.Length: return this.remaining === 0;
      case Body.Chunked: return this.chunks!.done;
      default: return false;
    }
  }

  /** Where the body's bytes in [start, end) stop; -1 where its framing is invalid. */
  read(bytes: Buffer, start: number, end: number): number {
    switch (this.kind) {
      case Body.None:
        return start;
      case Body.Length: {
        const length = Math.min(end - start, this.remaining);
        this.remaining -= length;
        return start + length;
      }
      case Body.Chunked:
        return this.chunks!.scan(bytes, start, end);
      default:
        return end;
    }
  }

  /** The scanner of a chunked body, for a peer that takes no chunks. */
  get scanner(): ChunkedScanner {
    return this.chunks!;
  }
}
