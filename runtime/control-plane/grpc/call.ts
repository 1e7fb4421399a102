import type { X509Certificate } from 'node:crypto';
import { FRAME_HEAD } from '../../proxy/http2/protocol';
import type { Connection } from './connection';
import { GRPC_HEAD, Status } from './protocol';

/** Bytes of a message at most; gRPC's own default. */
const MAX_MESSAGE = 4 * 1024 * 1024;

/** What is told of a call. Each is called from within the reading of a socket, and must not throw. */
export interface CallHandlers {
  /** A whole message. Its bytes may be kept. */
  onMessage(bytes: Buffer): void;
  /** The client will send no more. */
  onEnd(): void;
  /** What was written has gone out, after a `write` that returned false. */
  onDrain(): void;
  /** It is over, whoever ended it; nothing comes after it. */
  onClose(): void;
}

/** A call of gRPC, seen by its server: messages in both directions over one stream of HTTP/2. */
export class GrpcCall {
  handlers: CallHandlers | undefined;
  /** Bytes that the client takes on this stream. */
  window: number;
  /** Received, and not given back to the client's window yet. */
  consumed = 0;
  private started = false;
  private over = false;
  private ending: { readonly code: Status; readonly message: string } | undefined;
  /** Messages, or what is left of one, that wait for the client's window. */
  private readonly queue: Buffer[] = [];
  private blocked = false;
  private rest: Buffer | undefined;

  constructor(readonly connection: Connection, readonly id: number, readonly path: string, window: number) {
    this.window = window;
  }

  /** `address:port` of the client. */
  get peer(): string {
    return this.connection.peer;
  }

  /** What the client has shown and the handshake has verified. */
  get certificate(): X509Certificate | undefined {
    return this.connection.certificate;
  }

  /**
   * Writes a message, in parts that follow each other.
   * @returns false where the client is slow; `onDrain` is called once all has gone out.
   */
  write(...parts: readonly Uint8Array[]): boolean {
    if (this.over || this.ending) return true;
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    // With room for the head of its frame: as a rule a message is one frame, and goes out at once.
    const bytes = Buffer.allocUnsafe(FRAME_HEAD + GRPC_HEAD + length);
    bytes[FRAME_HEAD] = 0;
    bytes.writeUInt32BE(length, FRAME_HEAD + 1);
    let at = FRAME_HEAD + GRPC_HEAD;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    this.begin();
    if (this.queue.length === 0 && this.window >= GRPC_HEAD + length && this.connection.dataFrame(this.id, bytes)) {
      this.window -= GRPC_HEAD + length;
    } else {
      this.queue.push(bytes.subarray(FRAME_HEAD));
      this.flush();
    }
    if (this.queue.length > 0 || this.connection.congested) this.blocked = true;
    return !this.blocked;
  }

  /** Ends the call, after what was written. */
  end(code: Status = Status.Ok, message = ''): void {
    if (this.over || this.ending) return;
    this.ending = { code, message };
    this.flush();
  }

  /** As much of what waits as the client's windows take. */
  flush(): void {
    while (this.queue.length > 0 && this.window > 0) {
      const [first] = this.queue;
      const sent = this.connection.data(this.id, first, this.window);
      if (sent === 0) return;
      this.window -= sent;
      if (sent === first.length) this.queue.shift();
      else this.queue[0] = first.subarray(sent);
    }
    if (this.queue.length > 0 || this.over) return;
    if (this.ending) {
      const { code, message } = this.ending;
      this.connection.trailers(this.id, code, message, !this.started);
      this.close();
    } else if (this.blocked && !this.connection.congested) {
      this.blocked = false;
      this.handlers?.onDrain();
    }
  }

  /** A piece of messages has come. */
  receive(bytes: Buffer): void {
    let all = this.rest ? Buffer.concat([this.rest, bytes]) : bytes;
    this.rest = undefined;
    while (all.length >= GRPC_HEAD && !this.over) {
      const length = all.readUInt32BE(1);
      if (all[0] !== 0) return this.end(Status.Unimplemented, 'the message is compressed; this server takes none that is');
      if (length > MAX_MESSAGE) return this.end(Status.ResourceExhausted, `the message has ${length} bytes; at most ${MAX_MESSAGE} are taken`);
      if (all.length < GRPC_HEAD + length) break;
      this.handlers?.onMessage(all.subarray(GRPC_HEAD, GRPC_HEAD + length));
      all = all.subarray(GRPC_HEAD + length);
    }
    // What is kept is copied: the socket's buffer is large, and lives as long as a piece of it.
    if (all.length > 0 && !this.over) this.rest = Buffer.from(all);
  }

  receiveEnd(): void {
    if (!this.over) this.handlers?.onEnd();
  }

  /** It is over: reset, ended, or its connection is gone. */
  close(): void {
    if (this.over) return;
    this.over = true;
    this.queue.length = 0;
    this.rest = undefined;
    this.connection.forget(this);
    this.handlers?.onClose();
  }

  private begin(): void {
    if (this.started) return;
    this.started = true;
    this.connection.head(this.id);
  }
}
