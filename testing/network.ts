import { createPortableTransport, type Acceptor, type Connection, type ConnectionHandler, type ListenOptions, type Transport } from '../runtime/proxy/transport';
import { MemoryNetwork } from './memory-network';

/** What the pods of a test are connected by. */
export interface Network {
  /** As one address sees it; `identity`: as whom it connects, where the network vouches for that. */
  transport(address: string, identity?: () => string | undefined): Transport;
  /** Whether whoever accepts a connection knows who it is that connected. */
  readonly vouches: boolean;
  /** Lets happen what can happen without time going on. */
  settle(): Promise<void>;
}

/** One turn of the event loop: promises, and what sockets have to say. */
const turn = async () => new Promise<void>((resolve) => setImmediate(resolve));

/** Turns of the event loop without an event after which nothing is on its way: what is written to the loopback can be read in the next one. */
const QUIET_TURNS = 6;

export function memoryNetwork(): Network {
  const network = new MemoryNetwork();
  return {
    vouches: true,
    transport: (address, identity) => network.transport(address, identity),
    settle: async () => {
      network.pump();
      // Handlers and clients are promises, and the streams of HTTP/2 go on in turns of their own.
      for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
        await turn();
        if (network.pump()) quiet = -1;
      }
    },
  };
}

/** Real sockets on the loopback. */
export function socketNetwork(): Network {
  const inner = createPortableTransport();
  let events = 0;
  const transport = new WatchedTransport(inner, () => { events++; });
  return {
    vouches: false,
    transport: () => transport,
    settle: async () => {
      for (let quiet = 0, seen = events; quiet < QUIET_TURNS; quiet++) {
        await turn();
        if (events === seen) continue;
        seen = events;
        quiet = -1;
      }
    },
  };
}

/** Refuses who has no identity at one port, as a listener that takes nothing but mutual TLS. */
export class GuardedTransport implements Transport {
  readonly name: Transport['name'];
  constructor(private readonly inner: Transport, private readonly port: number, private readonly isStrict: () => boolean) {
    this.name = inner.name;
  }

  get tlsBackend(): Transport['tlsBackend'] {
    return this.inner.tlsBackend;
  }

  get input(): Buffer {
    return this.inner.input;
  }

  get output(): Buffer {
    return this.inner.output;
  }

  async listen(options: ListenOptions, accept: (connection: Connection) => void): Promise<Acceptor> {
    return this.inner.listen(options, (connection) => {
      if (options.port === this.port && connection.tls === undefined && this.isStrict()) connection.reset();
      else accept(connection);
    });
  }

  connect(...[address, port, handler, tls]: Parameters<Transport['connect']>): Connection {
    return this.inner.connect(address, port, handler, tls);
  }

  secure(...[connection, tls, handler]: Parameters<Transport['secure']>): ReturnType<Transport['secure']> {
    return this.inner.secure(connection, tls, handler);
  }
}

/** Tells of everything that happens on a transport. */
class WatchedTransport implements Transport {
  readonly name: Transport['name'];
  constructor(private readonly inner: Transport, private readonly happened: () => void) {
    this.name = inner.name;
  }

  get tlsBackend(): Transport['tlsBackend'] {
    return this.inner.tlsBackend;
  }

  set tlsBackend(backend: Transport['tlsBackend']) {
    this.inner.tlsBackend = backend;
  }

  get input(): Buffer {
    return this.inner.input;
  }

  get output(): Buffer {
    return this.inner.output;
  }

  async listen(options: ListenOptions, accept: (connection: Connection) => void): Promise<Acceptor> {
    return this.inner.listen(options, (connection) => {
      this.happened();
      accept(connection);
      connection.handler = this.watched(connection.handler);
    });
  }

  connect(address: string, port: number, handler: ConnectionHandler, tls?: Parameters<Transport['connect']>[3]): Connection {
    return this.inner.connect(address, port, this.watched(handler), tls);
  }

  secure(...[connection, tls, handler]: Parameters<Transport['secure']>): ReturnType<Transport['secure']> {
    return this.inner.secure(connection, tls, this.watched(handler));
  }

  private watched(handler: ConnectionHandler): ConnectionHandler {
    const { happened } = this;
    return {
      onConnect() { happened(); handler.onConnect(); },
      onData(length) { happened(); handler.onData(length); },
      onEnd() { happened(); handler.onEnd(); },
      onDrain() { happened(); handler.onDrain(); },
      onClosed(reason) { happened(); handler.onClosed(reason); },
    };
  }
}
