import { LF } from '../http1/bytes';

/** The beginning of a head whose rest has not come. */
export class HeadStash {
  private bytes: Buffer | undefined;

  get length(): number {
    return this.bytes?.length ?? 0;
  }

  /**
   * Puts what was kept before `from` in `input`, where there is room for it. Where the message begins; -1: [from, end) has no end of a line, so the head
   * cannot be complete, and all of it is kept, while it is not longer than `limit`.
   */
  restore(input: Buffer, from: number, end: number, limit: number): number {
    const { bytes } = this;
    if (bytes === undefined) return from;
    const lf = input.indexOf(LF, from);
    const start = from - bytes.length;
    bytes.copy(input, start);
    this.bytes = undefined;
    if ((lf >= 0 && lf < end) || end - start > limit) return start;
    this.keep(input, start, end);
    return -1;
  }

  keep(input: Buffer, start: number, end: number): void {
    this.bytes = Buffer.from(input.subarray(start, end));
  }

  clear(): void {
    this.bytes = undefined;
  }
}
