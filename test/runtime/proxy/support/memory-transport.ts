import {
  OUTPUT_SIZE, READ_OFFSET, READ_SIZE, type Acceptor, type CloseReason, type Connection, type ConnectionHandler, type ListenOptions, type Transport,
} from '../../../../runtime/proxy/transport';

/** One end of a connection that exists in memory only: the test plays the peer, byte by byte if it likes. */
export class MemoryConnection implements Connection {
  handler!: ConnectionHandler;
  closed = false;
  /** What the proxy wrote, and how. */
  readonly writes: Buffer[] = [];
  shutDown = false;
  wasReset = false;
  ending = false;
  reading = true;
  onHold = false;
  /** The peer takes nothing: writes wait. */
  stalled = false;
  waiting = 0;
  private held: Buffer[] = [];
  private endHeld = false;
  private readonly lent: { readonly bytes: Buffer; readonly copy: Buffer }[] = [];

  constructor(private readonly transport: MemoryTransport, readonly address = '', readonly port = 0) {}

  // As of a real one, whose peer is nobody once it is gone.
  get peerAddress(): string { return this.closed ? '' : '127.0.0.1'; }
  get peerPort(): number { return this.closed ? 0 : 40_000; }

  get pendingBytes(): number {
    return this.waiting;
  }

  get received(): string {
    return Buffer.concat(this.writes).toString('latin1');
  }

  /** What came since the last call. */
  takeReceived(): string {
    const text = this.received;
    this.writes.length = 0;
    return text;
  }

  /** The peer sends; delivered in pieces of `cut` bytes, or held as long as the proxy does not read. */
  deliver(bytes: string | Buffer, cut = READ_SIZE): void {
    const all = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    for (let at = 0; at < all.length; at += cut) this.held.push(all.subarray(at, at + cut));
    this.pump();
  }

  deliverPieces(pieces: readonly Buffer[]): void {
    for (const piece of pieces) this.deliver(piece);
  }

  deliverEnd(): void {
    this.endHeld = true;
    this.pump();
  }

  deliverReset(reason: CloseReason = 'reset'): void {
    if (this.closed) return;
    this.closed = true;
    this.handler.onClosed(reason);
  }

  connect(): void {
    if (!this.closed) this.handler.onConnect();
  }

  drain(): void {
    this.stalled = false;
    this.waiting = 0;
    for (const { bytes, copy } of this.lent.splice(0)) {
      if (!copy.equals(bytes.subarray(0, copy.length))) throw new Error('bytes changed while a write of them was waiting');
    }
    if (this.ending) this.close();
    else if (!this.closed) this.handler.onDrain();
  }

  get heldBytes(): number {
    return this.held.reduce((sum, { length }) => sum + length, 0);
  }

  private pump(): void {
    while (this.reading && !this.onHold && !this.closed && this.held.length > 0) {
      const piece = this.held.shift()!;
      piece.copy(this.transport.input, READ_OFFSET);
      this.handler.onData(piece.length);
      // Whoever still looks at the shared buffer after the event shall find rubbish.
      this.transport.input.fill(0xee, READ_OFFSET, READ_OFFSET + piece.length);
    }
    if (this.endHeld && this.held.length === 0 && this.reading && !this.onHold && !this.closed) {
      this.endHeld = false;
      this.handler.onEnd();
    }
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    const taken = this.put(bytes, start, end);
    // The real transports go through the output, too: whatever was composed there before is lost.
    this.transport.output.fill(0xdd, 0, end - start);
    return taken;
  }

  private put(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.closed) return true;
    this.writes.push(Buffer.from(bytes.subarray(start, end)));
    if (this.stalled) this.waiting += end - start;
    return this.waiting === 0;
  }

  writeStable(bytes: Buffer, end: number): boolean {
    const taken = this.put(bytes, 0, end);
    if (!taken) this.lent.push({ bytes, copy: Buffer.from(bytes.subarray(0, end)) });
    return taken;
  }

  flush(end: number): boolean {
    const taken = this.put(this.transport.output, 0, end);
    this.transport.output.fill(0xdd, 0, end);
    return taken;
  }

  readStop(): void {
    this.reading = false;
  }

  readStart(): void {
    if (this.reading) return;
    this.reading = true;
    // As real events do, it comes after the present one.
    this.transport.later(() => this.pump());
  }

  hold(on: boolean): void {
    this.onHold = on;
    if (!on) this.transport.later(() => this.pump());
  }

  shutdown(): void {
    this.shutDown = true;
  }

  end(): void {
    if (this.waiting === 0) this.close();
    else this.ending = true;
  }

  close(): void {
    this.closed = true;
  }

  reset(): void {
    if (this.closed) return;
    this.closed = true;
    this.wasReset = true;
  }
}

/** A transport without sockets or time: what the proxy connects to appears in `connected`, and the test decides what happens there. */
export class MemoryTransport implements Transport {
  readonly name = 'portable';
  tlsBackend: Transport['tlsBackend'] = 'portable';
  readonly input = Buffer.alloc(READ_OFFSET + READ_SIZE);
  readonly output = Buffer.alloc(OUTPUT_SIZE);
  readonly connected: MemoryConnection[] = [];
  /** Connections succeed at once, within `settle`. */
  autoConnect = true;
  private readonly acceptors = new Map<number, (connection: Connection) => void>();
  private readonly queue: (() => void)[] = [];
  private nextPort = 50_000;
  private running = false;

  later(step: () => void): void {
    this.queue.push(step);
  }

  /** Runs what is due after the present event, until nothing is. */
  settle(): void {
    if (this.running) return;
    this.running = true;
    for (let step = this.queue.shift(); step !== undefined; step = this.queue.shift()) step();
    this.running = false;
  }

  async listen(options: ListenOptions, accept: (connection: Connection) => void): Promise<Acceptor> {
    const port = options.port || this.nextPort++;
    if (this.acceptors.has(port)) throw Object.assign(new Error('EADDRINUSE'), { code: 'EADDRINUSE' });
    this.acceptors.set(port, accept);
    return { port, close: async () => void this.acceptors.delete(port) };
  }

  connect(address: string, port: number, handler: ConnectionHandler): Connection {
    const connection = new MemoryConnection(this, address, port);
    connection.handler = handler;
    this.connected.push(connection);
    if (this.autoConnect) this.later(() => connection.connect());
    return connection;
  }

  secure(): never {
    throw new Error('there is no TLS in memory');
  }

  /** A client connects to the proxy. */
  client(port: number): MemoryConnection {
    const accept = this.acceptors.get(port);
    if (accept === undefined) throw new Error(`nobody listens on ${port}`);
    const connection = new MemoryConnection(this);
    accept(connection);
    return connection;
  }

  isListening(port: number): boolean {
    return this.acceptors.has(port);
  }

  get last(): MemoryConnection {
    return this.connected[this.connected.length - 1];
  }
}
