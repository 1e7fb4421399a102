/** What a parser of first bytes says so far. */
export const Found = { More: 0, Yes: 1, No: 2, TooLong: 3 } as const;
export type Found = (typeof Found)[keyof typeof Found];

/** Bytes of a ClientHello, and of anything else that is looked at, at most: as Envoy's tls_inspector, and what one record may hold. */
export const MAX_INSPECTED = 16 * 1024;

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const MESSAGE_HEADER = 4;
/** RFC 8446 §5.1. */
const MAX_FRAGMENT = 1 << 14;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const ALPN = 16;

/**
 * Reads a ClientHello (RFC 8446 §4.1.2, the same in TLS 1.0 to 1.2) as its bytes come, in whatever pieces and records; what is not one is not TLS.
 * Every byte is looked at once, and no more than MAX_INSPECTED are kept.
 */
export class ClientHelloReader {
  /** SNI (RFC 6066 §3) in lower case; empty where there is none. */
  serverName = '';
  /** ALPN (RFC 7301) in the client's order. */
  protocols: readonly string[] = [];
  /** The message, put together out of its records. */
  private message = Buffer.allocUnsafe(512);
  private length = 0;
  /** Of the message with its header, once that is known. */
  private wanted = 0;
  private headerBytes = 0;
  private fragment = 0;
  /** Bytes of the present record that are yet to come. */
  private missing = 0;

  read(bytes: Uint8Array, start: number, end: number): Found {
    let at = start;
    while (at < end) {
      if (this.missing === 0) {
        if (!this.header(bytes[at++])) return Found.No;
        continue;
      }
      const taken = Math.min(end - at, this.missing);
      const room = MAX_INSPECTED - this.length;
      if (taken > room) return Found.TooLong;
      this.append(bytes, at, at + taken);
      at += taken;
      this.missing -= taken;
      if (this.wanted === 0 && this.length >= MESSAGE_HEADER) {
        if (this.message[0] !== CLIENT_HELLO) return Found.No;
        this.wanted = MESSAGE_HEADER + this.message.readUIntBE(1, 3);
        if (this.wanted > MAX_INSPECTED) return Found.TooLong;
      }
      if (this.wanted > 0 && this.length >= this.wanted) return this.parse() ? Found.Yes : Found.No;
    }
    return Found.More;
  }

  /** One byte of a record's header. */
  private header(byte: number): boolean {
    switch (this.headerBytes++) {
      case 0: return byte === HANDSHAKE;
      case 1: return byte === 3;
      // The minor version means nothing (RFC 8446 §5.1), but no version that was ever there is above 4.
      case 2: return byte <= 4;
      case 3:
        this.fragment = byte << 8;
        return true;
      default:
        this.headerBytes = 0;
        this.missing = this.fragment | byte;
        return this.missing > 0 && this.missing <= MAX_FRAGMENT;
    }
  }

  private append(bytes: Uint8Array, start: number, end: number): void {
    const length = this.length + end - start;
    if (length > this.message.length) {
      const larger = Buffer.allocUnsafe(Math.min(MAX_INSPECTED, Math.max(length, this.message.length * 2)));
      this.message.copy(larger, 0, 0, this.length);
      this.message = larger;
    }
    this.message.set(bytes.subarray(start, end), this.length);
    this.length = length;
  }

  private parse(): boolean {
    const { message, wanted } = this;
    const cursor = new Cursor(message, MESSAGE_HEADER, wanted);
    cursor.skip(2 + 32);
    const session = cursor.vector(1);
    const suites = cursor.vector(2);
    const compression = cursor.vector(1);
    if (cursor.failed || session.left > 32 || suites.left < 2 || suites.left % 2 !== 0 || compression.left < 1) return false;
    // Before TLS 1.2 there were none.
    if (cursor.left === 0) return true;
    const extensions = cursor.vector(2);
    if (cursor.failed || cursor.left > 0) return false;
    const seen = new Set<number>();
    while (extensions.left > 0) {
      const type = extensions.number(2);
      const data = extensions.vector(2);
      if (extensions.failed || seen.has(type)) return false;
      seen.add(type);
      if (type === SERVER_NAME && !this.readServerName(data)) return false;
      if (type === ALPN && !this.readProtocols(data)) return false;
    }
    return true;
  }

  private readServerName(data: Cursor): boolean {
    const names = data.vector(2);
    if (data.failed || data.left > 0 || names.left === 0) return false;
    while (names.left > 0) {
      const type = names.number(1);
      const name = names.vector(2);
      if (names.failed || name.left === 0) return false;
      if (type !== HOST_NAME) continue;
      const text = name.text().toLowerCase();
      // One name of a type; ASCII, and nothing that a log or a match could stumble over.
      if (this.serverName !== '' || text.length > 255 || !/^[\x21-\x7e]+$/.test(text)) return false;
      this.serverName = text.endsWith('.') && text.length > 1 ? text.slice(0, -1) : text;
    }
    return true;
  }

  private readProtocols(data: Cursor): boolean {
    const list = data.vector(2);
    if (data.failed || data.left > 0 || list.left === 0) return false;
    const protocols: string[] = [];
    while (list.left > 0) {
      const protocol = list.vector(1);
      if (list.failed || protocol.left === 0) return false;
      protocols.push(protocol.text());
    }
    this.protocols = protocols;
    return true;
  }
}

/** Reads what TLS writes (RFC 8446 §3) within bounds; once it has failed, everything it says is empty. */
class Cursor {
  failed = false;

  constructor(private readonly bytes: Buffer, private at: number, private readonly end: number) {}

  get left(): number {
    return this.end - this.at;
  }

  skip(bytes: number): void {
    if (bytes > this.left) this.failed = true;
    this.at = Math.min(this.end, this.at + bytes);
  }

  number(size: 1 | 2): number {
    const { at } = this;
    this.skip(size);
    if (this.failed) return 0;
    return size === 1 ? this.bytes[at] : this.bytes.readUInt16BE(at);
  }

  /** A vector whose length stands in front of it in `size` bytes. */
  vector(size: 1 | 2): Cursor {
    const length = this.number(size);
    const { at } = this;
    this.skip(length);
    return this.failed ? new Cursor(this.bytes, at, at) : new Cursor(this.bytes, at, at + length);
  }

  text(): string {
    return this.bytes.toString('latin1', this.at, this.end);
  }
}
