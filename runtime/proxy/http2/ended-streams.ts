/** Streams that are remembered. */
const REMEMBERED = 128;

/** The streams that ended last: tells frames that are late from those that are wrong (RFC 9113 §5.1, "closed"). */
export class EndedStreams {
  private readonly ids = new Int32Array(REMEMBERED);
  private readonly byUs = new Uint8Array(REMEMBERED);
  private at = 0;

  /** `byUs`: this side gave it up, and the peer may not know yet. */
  add(id: number, byUs: boolean): void {
    this.ids[this.at] = id;
    this.byUs[this.at] = byUs ? 1 : 0;
    this.at = (this.at + 1) % REMEMBERED;
  }

  has(id: number): boolean {
    return this.ids.includes(id);
  }

  wasGivenUp(id: number): boolean {
    const at = this.ids.indexOf(id);
    return at >= 0 && this.byUs[at] === 1;
  }
}
