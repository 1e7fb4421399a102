import * as net from 'node:net';
import { giveBackOutput, takeOutput } from './output';
import { READ_OFFSET, READ_SIZE, type Acceptor, type CloseReason, type Connection, type ConnectionHandler, type ListenOptions, type Transport } from './types';

/** The public API of `node:net` only: `onread` into the shared buffer where this side connects, a copy into it where it accepts. */
export function createPortableTransport(): Transport {
  return new PortableTransport();
}

class PortableTransport implements Transport {
  readonly name = 'portable';
  readonly input = Buffer.from(new ArrayBuffer(READ_OFFSET + READ_SIZE));
  output = takeOutput();
  private readonly readView = new Uint8Array(this.input.buffer, READ_OFFSET, READ_SIZE);

  async listen(options: ListenOptions, accept: (connection: Connection) => void): Promise<Acceptor> {
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const connection = new PortableConnection(this, socket);
      connection.readStart();
      accept(connection);
    });
    const { address: host, port, backlog = 4096, reusePort } = options;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog, ...(reusePort ? { reusePort } : {}) }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    return new PortableAcceptor(server);
  }

  connect(address: string, port: number, handler: ConnectionHandler): Connection {
    const connection: PortableConnection = new PortableConnection(this, net.connect({
      host: address,
      port,
      noDelay: true,
      allowHalfOpen: true,
      onread: {
        buffer: this.readView,
        callback: (length) => {
          connection.read(length);
          return true;
        },
      },
    }), handler);
    return connection;
  }
}

class PortableAcceptor implements Acceptor {
  readonly port: number;
  private closing: Promise<void> | undefined;

  constructor(private readonly server: net.Server) {
    this.port = (server.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    // The callback of net.Server waits for the connections; the listening socket itself is closed at once.
    this.closing ??= new Promise((resolve) => {
      this.server.close();
      setImmediate(resolve);
    });
    return this.closing;
  }
}

const unset = undefined as unknown as ConnectionHandler;

class PortableConnection implements Connection {
  handler = unset;
  closed = false;
  private ending = false;
  /** A write returned false and `onDrain` is owed. */
  private waiting = false;
  /** The output that the waiting write reads from. */
  private lent: Buffer | undefined;
  private readonly afterWrite = () => this.written();
  private connecting: boolean;
  private reading = false;
  private endHeld = false;
  private readonly address: string;
  private readonly port: number;

  constructor(private readonly transport: PortableTransport, private readonly socket: net.Socket, handler?: ConnectionHandler) {
    this.connecting = handler !== undefined;
    if (handler) {
      this.handler = handler;
      this.reading = true;
      socket.on('connect', () => {
        this.connecting = false;
        if (!this.closed) this.handler.onConnect();
      });
    } else {
      socket.on('data', (bytes) => this.take(bytes));
      socket.pause();
    }
    this.address = socket.remoteAddress ?? '';
    this.port = socket.remotePort ?? 0;
    socket.on('end', () => this.ended());
    socket.on('error', () => this.fail());
    // A stream whose both directions have ended destroys itself; that is no event.
    socket.on('close', (hadError) => (hadError || !socket.readableEnded || !socket.writableFinished ? this.fail() : (this.closed = true)));
  }

  get peerAddress(): string {
    return this.address || (this.socket.remoteAddress ?? '');
  }

  get peerPort(): number {
    return this.port || (this.socket.remotePort ?? 0);
  }

  get pendingBytes(): number {
    return this.closed ? 0 : this.socket.writableLength;
  }

  read(length: number): void {
    if (!this.closed) this.handler.onData(length);
  }

  private take(bytes: Buffer): void {
    for (let at = 0; at < bytes.length && !this.closed; at += READ_SIZE) {
      const length = Math.min(bytes.length - at, READ_SIZE);
      bytes.copy(this.transport.input, READ_OFFSET, at, at + length);
      this.handler.onData(length);
    }
  }

  /** Through the output, as `flush`: what the system takes at once needs no buffer of its own. */
  write(bytes: Uint8Array, start: number, end: number): boolean {
    const { output } = this.transport;
    if (this.waiting || this.connecting || end - start > output.length) return this.send(Buffer.from(bytes.subarray(start, end)));
    output.set(bytes.subarray(start, end));
    return this.flush(end - start);
  }

  writeStable(bytes: Buffer, end: number): boolean {
    return this.send(bytes.subarray(0, end));
  }

  flush(end: number): boolean {
    if (this.waiting || this.connecting) return this.send(Buffer.from(this.transport.output.subarray(0, end)));
    const taken = this.send(this.transport.output.subarray(0, end));
    if (!taken) {
      this.lent = this.transport.output;
      this.transport.output = takeOutput();
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
    this.socket.resume();
    if (this.endHeld) process.nextTick(() => this.ended());
  }

  /** A stream tells of its end also when it is paused. */
  private ended(): void {
    if (this.closed) return;
    this.endHeld = !this.reading;
    if (this.reading) this.handler.onEnd();
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

  private fail(): void {
    if (this.closed) return;
    this.closed = true;
    const reason: CloseReason = this.connecting ? 'connect_failed' : 'reset';
    this.socket.destroy();
    this.handler.onClosed(reason);
  }
}
