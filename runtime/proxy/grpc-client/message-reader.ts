/** A message is compressed or longer than the caller takes. */
export class MessageError extends Error {}

/** Bytes before each message: whether it is compressed, and its length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const PREFIX = 5;

/** Puts messages together from the bytes of a call's DATA frames. */
export class MessageReader {
  private parts: Buffer[] = [];
  private size = 0;
  /** Bytes from which on there is more to be read of what came. */
  private needed = PREFIX;

  /** @param limit bytes of a message at most */
  constructor(private readonly limit: number) {}

  /**
   * What is complete with `bytes`, which are kept: the caller leaves them alone.
   * @throws MessageError
   */
  add(bytes: Buffer): Buffer[] {
    this.parts.push(bytes);
    this.size += bytes.length;
    if (this.size < this.needed) return [];
    const all = this.parts.length === 1 ? bytes : Buffer.concat(this.parts, this.size);
    const messages: Buffer[] = [];
    let at = 0;
    this.needed = PREFIX;
    while (all.length - at >= PREFIX) {
      const length = all.readUInt32BE(at + 1);
      // No coding was offered.
      if (all[at] !== 0) throw new MessageError('a message is compressed');
      if (length > this.limit) throw new MessageError(`a message has ${length} bytes; the limit is ${this.limit}`);
      this.needed = PREFIX + length;
      if (all.length - at < this.needed) break;
      messages.push(all.subarray(at + PREFIX, at + this.needed));
      at += this.needed;
      this.needed = PREFIX;
    }
    this.size = all.length - at;
    this.parts = this.size === 0 ? [] : [all.subarray(at)];
    return messages;
  }

  /** Whether what has come ends with a message. */
  get between(): boolean {
    return this.size === 0;
  }
}

/** A message as it goes into DATA frames. */
export function prefixed(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(PREFIX + message.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, PREFIX);
  return bytes;
}
