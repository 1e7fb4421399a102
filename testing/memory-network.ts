import {
  OUTPUT_SIZE, READ_OFFSET, READ_SIZE, type Acceptor, type CloseReason, type Connection, type ConnectionHandler, type ListenOptions,
  type PeerIdentity, type TlsSession, type Transport,
} from '../runtime/proxy/transport';

/** Bytes on their way above which a writer is told to wait. */
const HIGH_WATER = 256 * 1024;

/**
 * A network inside the process. What happens on it waits in one queue, so that a test sees the same order every time; `pump` lets it happen.
 *
 *     write ──▶ queue ──▶ peer's inbox ──▶ onData        (the inbox keeps what comes while the peer does not read)
 */
export class MemoryNetwork {
  private readonly listeners = new Map<string, (connection: Connection) => void>();
  private readonly transports = new Map<string, Transport>();
  private readonly queue: (() => void)[] = [];
  private ports = 32_768;

  /** The network as one address sees it. It vouches for who it is that connects: an accepted connection has the identity of its client, as after mutual TLS. */
  transport(address: string, identity?: () => string | undefined): Transport {
    if (identity !== undefined) return new MemoryTransport(this, address, identity);
    let transport = this.transports.get(address);
    if (!transport) this.transports.set(address, transport = new MemoryTransport(this, address, () => undefined));
    return transport;
  }

  /** Lets everything happen that waits, and what follows from it. Returns whether anything did. */
  pump(): boolean {
    let any = false;
    for (let event = this.queue.shift(); event; event = this.queue.shift()) {
      any = true;
      event();
    }
    return any;
  }

  later(event: () => void): void {
    this.queue.push(event);
  }

  listen(key: string, accept: (connection: Connection) => void): void {
    if (this.listeners.has(key)) throw new Error(`listen EADDRINUSE: address already in use ${key}`);
    this.listeners.set(key, accept);
  }

  unlisten(key: string): void {
    this.listeners.delete(key);
  }

  accepting(key: string): ((connection: Connection) => void) | undefined {
    return this.listeners.get(key);
  }

  nextPort(): number {
    this.ports = this.ports >= 60_999 ? 32_768 : this.ports + 1;
    return this.ports;
  }
}

class MemoryTransport implements Transport {
  readonly name = 'portable';
  tlsBackend: Transport['tlsBackend'] = 'portable';
  readonly input = Buffer.alloc(READ_OFFSET + READ_SIZE);
  readonly output = Buffer.alloc(OUTPUT_SIZE);

  constructor(private readonly network: MemoryNetwork, private readonly address: string, private readonly identity: () => string | undefined) {}

  async listen({ address, port: wanted }: ListenOptions, accept: (connection: Connection) => void): Promise<Acceptor> {
    const port = wanted === 0 ? this.network.nextPort() : wanted;
    const key = `${address}:${port}`;
    this.network.listen(key, (far) => {
      const near = new MemoryConnection(this.network, this, (far as MemoryConnection).local, { address, port });
      near.join(far as MemoryConnection);
      near.tls = sessionOf((far as MemoryConnection).identity);
      accept(near);
    });
    return { port, close: async () => this.network.unlisten(key) };
  }

  secure(): never {
    throw new Error('a network in memory has no TLS');
  }

  connect(address: string, port: number, handler: ConnectionHandler): Connection {
    const connection = new MemoryConnection(this.network, this, { address, port }, { address: this.address, port: this.network.nextPort() });
    connection.identity = this.identity();
    connection.handler = handler;
    this.network.later(() => {
      if (connection.closed) return;
      const accept = this.network.accepting(`${address}:${port}`);
      if (!accept) return connection.fail('connect_failed');
      accept(connection);
      connection.handler.onConnect();
    });
    return connection;
  }
}

interface Address {
  readonly address: string;
  readonly port: number;
}

/** What both sides of a connection know of each other where the network vouches for the client. */
function sessionOf(identity: string | undefined): TlsSession | undefined {
  if (identity === undefined) return undefined;
  const peer: PeerIdentity = {
    subject: '', issuer: '', serial: '', fingerprint: '', uris: [identity], dnsNames: [], ipAddresses: [], emails: [], notBefore: 0, notAfter: Number.MAX_SAFE_INTEGER,
  };
  return {
    version: 'TLSv1.3', cipher: '', alpn: undefined, serverName: undefined, reused: false, certificate: undefined, chainError: undefined, peer,
  };
}

class MemoryConnection implements Connection {
  handler = undefined as unknown as ConnectionHandler;
  closed = false;
  /** Who connected. */
  identity: string | undefined;
  /** Of an accepted connection whose client has an identity. */
  tls: TlsSession | undefined;
  private peer: MemoryConnection | undefined;
  private reading = true;
  private readonly inbox: (Buffer | 'end')[] = [];
  private inboxBytes = 0;
  /** A write returned false and `onDrain` is owed. */
  private waiting = false;
  private finished = false;

  constructor(
    private readonly network: MemoryNetwork, private readonly transport: Transport, private readonly remote: Address, readonly local: Address,
  ) {}

  join(peer: MemoryConnection): void {
    this.peer = peer;
    peer.peer = this;
  }

  get peerAddress(): string {
    return this.remote.address;
  }

  get peerPort(): number {
    return this.remote.port;
  }

  get pendingBytes(): number {
    return this.closed ? 0 : Math.max(0, (this.peer?.inboxBytes ?? 0) - HIGH_WATER);
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.closed || this.finished || end <= start) return true;
    const { peer } = this;
    if (!peer || peer.closed) {
      this.network.later(() => this.fail('reset'));
      return true;
    }
    for (let at = start; at < end; at += READ_SIZE) {
      const copy = Buffer.from(bytes.subarray(at, Math.min(at + READ_SIZE, end)));
      peer.inboxBytes += copy.length;
      this.network.later(() => peer.arrive(copy));
    }
    if (peer.inboxBytes <= HIGH_WATER) return true;
    this.waiting = true;
    return false;
  }

  writeStable(bytes: Buffer, end: number): boolean {
    return this.write(bytes, 0, end);
  }

  flush(end: number): boolean {
    return this.write(this.transport.output, 0, end);
  }

  readStop(): void {
    this.reading = false;
  }

  readStart(): void {
    if (this.reading) return;
    this.reading = true;
    if (this.inbox.length > 0) this.network.later(() => this.deliver());
  }

  shutdown(): void {
    if (this.closed || this.finished) return;
    this.finished = true;
    const { peer } = this;
    if (peer) this.network.later(() => peer.arrive('end'));
  }

  end(): void {
    this.close();
  }

  close(): void {
    if (this.closed) return;
    this.shutdown();
    this.closed = true;
  }

  reset(): void {
    if (this.closed) return;
    this.closed = true;
    const { peer } = this;
    if (peer) this.network.later(() => peer.fail('reset'));
  }

  /** The connection breaks, by no doing of this side. */
  fail(reason: CloseReason): void {
    if (this.closed) return;
    this.closed = true;
    this.handler.onClosed(reason);
  }

  private arrive(item: Buffer | 'end'): void {
    if (this.closed) return;
    this.inbox.push(item);
    this.deliver();
  }

  private deliver(): void {
    while (this.reading && !this.closed && this.inbox.length > 0) {
      const item = this.inbox.shift()!;
      if (item === 'end') {
        this.handler.onEnd();
        continue;
      }
      item.copy(this.transport.input, READ_OFFSET);
      this.inboxBytes -= item.length;
      this.handler.onData(item.length);
      const { peer } = this;
      if (peer?.waiting && this.inboxBytes === 0) {
        peer.waiting = false;
        this.network.later(() => { if (!peer.closed) peer.handler.onDrain(); });
      }
    }
  }
}
