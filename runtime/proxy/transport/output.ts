import { OUTPUT_SIZE } from './types';

/** Room for what the streams of one connection of HTTP/2 say in a round of events, most often. */
const FRAMES_SIZE = 64 * 1024;
/** As many are kept: all that wait for the end of a round at once. One that is made anew counts as garbage of its whole size to V8, which soon does little else. */
const FRAMES_KEPT = 64;
const OUTPUTS_KEPT = 8;

/** Buffers of one length that are used again. */
class BufferPool {
  private readonly free: Buffer[] = [];

  constructor(readonly size: number, private readonly most: number) {}

  take(): Buffer {
    return this.free.pop() ?? Buffer.allocUnsafeSlow(this.size);
  }

  giveBack(buffer: Buffer): void {
    if (this.free.length < this.most) this.free.push(buffer);
  }
}

const outputs = new BufferPool(OUTPUT_SIZE, OUTPUTS_KEPT);
const frames = new BufferPool(FRAMES_SIZE, FRAMES_KEPT);

/** A buffer to compose writes in. One that a pending write still reads from is `giveBack`n when that write is done. */
export function takeOutput(): Buffer {
  return outputs.take();
}

/** A buffer for `length` bytes at least, OUTPUT_SIZE at most: most often a smaller one than that, since every connection that has something to say has one. */
export function takeFrames(length: number): Buffer {
  return length <= FRAMES_SIZE ? frames.take() : outputs.take();
}

/** What either of the others gave. */
export function giveBackOutput(buffer: Buffer): void {
  (buffer.length === FRAMES_SIZE ? frames : outputs).giveBack(buffer);
}
