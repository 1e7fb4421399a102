import * as net from 'node:net';
import { throwFault } from './fault';
import { takeOutput } from './output';
import { PortableConnection, type PortableHost } from './portable-connection';
import { connectPortableTls, securePortable } from './portable-tls';
import type { ClientTls, ServerTls } from './tls';
import { READ_OFFSET, READ_SIZE, type Acceptor, type Connection, type ConnectionHandler, type ListenOptions, type SecuredConnection, type Transport } from './types';

/** The public API of `node:net` only: `onread` into the shared buffer where this side connects, a copy into it where it accepts. */
export function createPortableTransport(): Transport {
  return new PortableTransport();
}

class PortableTransport implements Transport, PortableHost {
  readonly name = 'portable';
  tlsBackend: Transport['tlsBackend'] = 'portable';
  onFault = throwFault;
  readonly input = Buffer.from(new ArrayBuffer(READ_OFFSET + READ_SIZE));
  output = takeOutput();
  private readonly readView = new Uint8Array(this.input.buffer, READ_OFFSET, READ_SIZE);

  async listen(options: ListenOptions, accept: (connection: Connection) => void): Promise<Acceptor> {
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const connection = new PortableConnection(this, socket);
      connection.readStart();
      connection.accepted(accept);
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

  replaceOutput(): void {
    this.output = takeOutput();
  }

  secure(connection: Connection, tls: ServerTls, handler: ConnectionHandler): SecuredConnection {
    return securePortable(this, (connection as PortableConnection).takeSocket(), tls, handler);
  }

  connect(address: string, port: number, handler: ConnectionHandler, tls?: ClientTls): Connection {
    if (tls !== undefined) return connectPortableTls(this, address, port, handler, tls);
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
