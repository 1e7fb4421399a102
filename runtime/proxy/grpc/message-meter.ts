/** Bytes in front of a message: whether it is compressed, and its length. */
const PREFIX = 5;

/**
 * Reads the lengths of the messages of one direction of a call as they stream by (gRPC over HTTP/2, "Length-Prefixed-Message"), however DATA cuts them. It keeps
 * no byte of them.
 */
export class MessageMeter {
  /** Bytes of a message at most; 0: nothing is measured. */
  limit = 0;
  /** Bytes of the present message that are yet to come. */
  private left = 0;
  /** Bytes of the prefix that have come. */
  private prefix = 0;
  private length = 0;

  start(limit: number): void {
    this.limit = limit;
    this.left = this.prefix = this.length = 0;
  }

  /** Whether no message that [start, end) is about is too long. */
  admits(bytes: Uint8Array, start: number, end: number): boolean {
    for (let at = start; at < end;) {
      if (this.left > 0) {
        const skipped = Math.min(this.left, end - at);
        this.left -= skipped;
        at += skipped;
        continue;
      }
      // Without shifts: a length has 32 bits, all of them positive.
      if (this.prefix > 0) this.length = this.length * 256 + bytes[at];
      at++;
      if (++this.prefix < PREFIX) continue;
      if (this.length > this.limit) return false;
      this.left = this.length;
      this.prefix = this.length = 0;
    }
    return true;
  }
}
