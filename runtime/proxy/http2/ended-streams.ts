/** Streams that are remembered. */
const REMEMBERED = 128;
const NONE = new Int32Array(0);

/** The streams that ended last: tells frames that are late from those that are wrong (RFC 9113 §5.1, "closed"). */
export class EndedStreams {
  /** Negative: this side gave it up. Nothing before the first stream ends: a connection that only waits costs nothing. */
  private ids = NONE;
  private at = 0;

  /** `byUs`: this side gave it up, and the peer may not know yet. */
  add(id: number, byUs: boolean): void {
    if (this.ids.length === 0) this.ids = new Int32Array(REMEMBERED);
    this.ids[this.at] = byUs ? -id : id;
    this.at = (this.at + 1) % REMEMBERED;
  }

  has(id: number): boolean {
    return this.ids.includes(id) || this.ids.includes(-id);
  }

  wasGivenUp(id: number): boolean {
    return this.ids.includes(-id);
  }
}
