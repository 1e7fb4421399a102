import type * as net from 'node:net';
import { endFaulty, type OnFault } from './fault';
import { originalDestination, type Destination } from './original-destination';
import { giveBackOutput } from './output';
import { READ_OFFSET, READ_SIZE, type CloseReason, type Connection, type ConnectionHandler } from './types';

const unset = undefined as unknown as ConnectionHandler;

/** The buffers that all connections share. */
export interface PortableHost {
  readonly input: Buffer;
  readonly output: Buffer;
  readonly onFault: OnFault;
  /** A pending write reads from the output: compose in another from now on. */
  replaceOutput(): void;
}

/** A connection on a socket of `node:net`, or on one of `node:tls`, which looks the same. */
export class PortableConnection implements Connection {
  handler = unset;
  closed = false;
  private ending = false;
  /** A write returned false and `onDrain` is owed. */
  private waiting = false;
  /** The output that the waiting write reads from. */
  private lent: Buffer | undefined;
  private readonly afterWrite = () => this.safely(() => this.written());
  protected connecting: boolean;
  private reading = false;
  private held = false;
  private endHeld = false;
  private readonly address: string;
  private readonly port: number;

  constructor(protected readonly host: PortableHost, protected readonly socket: net.Socket, handler?: ConnectionHandler) {
    this.connecting = handler !== undefined;
    if (handler) {
      this.handler = handler;
      this.reading = true;
      this.awaitConnect();
    } else {
      socket.on('data', (bytes) => this.safely(() => this.take(bytes)));
      socket.pause();
    }
    this.address = socket.remoteAddress ?? '';
    this.port = socket.remotePort ?? 0;
    socket.on('end', () => this.safely(() => this.ended()));
    socket.on('error', (error: NodeJS.ErrnoException) => this.safely(() => this.onError(error)));
    // A stream whose both directions have ended destroys itself; that is no event.
    socket.on('close', (hadError) => {
      if (hadError || !socket.readableEnded || !socket.writableFinished) this.safely(() => this.fail());
      else this.closed = true;
    });
  }

  protected awaitConnect(): void {
    this.socket.on('connect', () => this.safely(() => this.connected()));
  }

  protected connected(): void {
    this.connecting = false;
    if (!this.closed) this.handler.onConnect();
  }

  /** The socket is somebody else's from now on. */
  takeSocket(): net.Socket {
    this.closed = true;
    for (const event of ['data', 'error', 'close']) this.socket.removeAllListeners(event);
    return this.socket.pause();
  }

  get peerAddress(): string {
    return this.address || (this.socket.remoteAddress ?? '');
  }

  get peerPort(): number {
    return this.port || (this.socket.remotePort ?? 0);
  }

  get localAddress(): string {
    return this.socket.localAddress ?? '';
  }

  originalDestination(): Destination | undefined {
    const { _handle: handle } = this.socket as unknown as { readonly _handle: { readonly fd: number } | null };
    return handle && handle.fd >= 0 ? originalDestination(handle.fd, this.localAddress) : undefined;
  }

  get pendingBytes(): number {
    return this.closed ? 0 : this.socket.writableLength;
  }

  read(length: number): void {
    if (!this.closed) this.safely(() => this.handler.onData(length));
  }

  /** Hands it to whoever accepts. */
  accepted(accept: (connection: Connection) => void): void {
    this.safely(() => accept(this));
  }

  protected safely(run: () => void): void {
    try {
      run();
    } catch (error) {
      endFaulty(this, error, this.host.onFault);
    }
  }

  protected take(bytes: Buffer): void {
    for (let at = 0; at < bytes.length && !this.closed; at += READ_SIZE) {
      const length = Math.min(bytes.length - at, READ_SIZE);
      bytes.copy(this.host.input, READ_OFFSET, at, at + length);
      this.handler.onData(length);
    }
  }

  /** Through the output, as `flush`: what the system takes at once needs no buffer of its own. */
  write(bytes: Uint8Array, start: number, end: number): boolean {
    const { output } = this.host;
    if (this.waiting || this.connecting || end - start > output.length) return this.send(Buffer.from(bytes.subarray(start, end)));
    output.set(bytes.subarray(start, end));
    return this.flush(end - start);
  }

  writeStable(bytes: Buffer, end: number): boolean {
    return this.send(bytes.subarray(0, end));
  }

  flush(end: number): boolean {
    if (this.waiting || this.connecting) return this.send(Buffer.from(this.host.output.subarray(0, end)));
    const taken = this.send(this.host.output.subarray(0, end));
    if (!taken) {
      this.lent = this.host.output;
      this.host.replaceOutput();
    }
    return taken;
  }

  /** A stream whose length is 0 after a write holds nothing of it any more. */
  private send(bytes: Buffer): boolean {
    if (this.closed) return true;
    if (bytes.length > 0) this.socket.write(bytes, this.afterWrite);
    if (this.socket.writableLength === 0) return true;
    this.waiting = true;
    return false;
  }

  private written(): void {
    if (this.closed || this.socket.writableLength > 0) return;
    if (this.lent !== undefined) {
      giveBackOutput(this.lent);
      this.lent = undefined;
    }
    const { waiting } = this;
    this.waiting = false;
    if (this.ending) this.close();
    else if (waiting) this.handler.onDrain();
  }

  readStop(): void {
    if (this.closed || !this.reading) return;
    this.reading = false;
    this.socket.pause();
  }

  readStart(): void {
    if (this.closed || this.reading) return;
    this.reading = true;
    if (this.held) return;
    this.socket.resume();
    if (this.endHeld) process.nextTick(() => this.safely(() => this.ended()));
  }

  hold(on: boolean): void {
    if (this.closed || this.held === on) return;
    this.held = on;
    if (!this.reading) return;
    if (on) {
      this.socket.pause();
    } else {
      this.reading = false;
      this.readStart();
    }
  }

  /** A stream tells of its end also when it is paused. */
  protected ended(): void {
    if (this.closed) return;
    this.endHeld = !this.reading || this.held;
    if (!this.endHeld) this.handler.onEnd();
  }

  shutdown(): void {
    if (!this.closed) this.socket.end();
  }

  end(): void {
    if (this.closed) return;
    if (this.socket.writableLength === 0) this.close();
    else this.ending = true;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.socket.destroy();
  }

  reset(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.connecting) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  protected onError(_error: NodeJS.ErrnoException): void {
    this.fail();
  }

  protected fail(): void {
    if (this.closed) return;
    this.closed = true;
    const reason = this.reasonOf();
    this.socket.destroy();
    this.handler.onClosed(reason);
  }

  protected reasonOf(): CloseReason {
    return this.connecting ? 'connect_failed' : 'reset';
  }
}
