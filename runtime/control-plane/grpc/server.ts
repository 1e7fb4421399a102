import { createServer as createPlainServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import type { Clock, Timer } from '../../clock';
import type { GrpcCall } from './call';
import { Connection } from './connection';

/** What a server shows, and whom it trusts; all PEM. */
export interface ServingMaterial {
  readonly certificate: Buffer;
  readonly privateKey: Buffer;
  readonly roots: Buffer;
}

/** Where a server's certificate comes from; told at once where there is one, and again with every new one. */
export interface ServingSource {
  subscribe(listener: (material: ServingMaterial) => void): () => void;
}

export interface GrpcServerDeps {
  readonly clock: Clock;
  /** Path of a method → who serves its calls. */
  readonly methods: Readonly<Record<string, (call: GrpcCall) => void>>;
}

/** A client that says nothing is asked every so many milliseconds whether it is there, and is given up at the next time. */
const PING_INTERVAL = 20_000;
const MAX_STREAMS = 100;
/** Milliseconds for a handshake of TLS. */
const HANDSHAKE_TIMEOUT = 10_000;

/** gRPC over HTTP/2, for streams of many clients: in plain text, or with TLS that demands a certificate. */
export class GrpcServer {
  private server: Server | TlsServer | undefined;
  private readonly connections = new Set<Connection>();
  private pings: Timer | undefined;
  private unsubscribe: () => void = () => {};

  constructor(private readonly deps: GrpcServerDeps) {}

  /**
   * @param serving plain text without it; with it only clients with a certificate of its roots get past the handshake.
   * @returns the port that was bound.
   */
  async listen({ host, port }: { readonly host: string; readonly port: number }, serving?: ServingSource): Promise<number> {
    const server = serving ? await this.tlsServer(serving) : createPlainServer((socket) => this.accept(socket));
    this.server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog: 4096 }, () => {
        server.off('error', reject);
        this.pings = this.deps.clock.setTimer(PING_INTERVAL, () => this.ping());
        resolve((server.address() as AddressInfo).port);
      });
    });
  }

  /** Calls that are open may end, and connections with them; those that are there after `grace` milliseconds are cut. */
  async close(grace: number): Promise<void> {
    const { server } = this;
    this.pings?.cancel();
    this.unsubscribe();
    if (!server) return;
    await new Promise<void>((done) => {
      const timer = this.deps.clock.setTimer(grace, () => {
        for (const connection of this.connections) connection.destroy();
      });
      server.close(() => {
        timer.cancel();
        done();
      });
      for (const connection of this.connections) connection.drain();
    });
  }

  private async tlsServer(serving: ServingSource): Promise<TlsServer> {
    return new Promise((resolve) => {
      let server: TlsServer | undefined;
      this.unsubscribe = serving.subscribe(({ certificate, privateKey, roots }) => {
        const context = { cert: certificate, key: privateKey, ca: roots, minVersion: 'TLSv1.2' as const };
        if (server) return server.setSecureContext(context);
        const options = { ...context, ALPNProtocols: ['h2'], requestCert: true, rejectUnauthorized: true, handshakeTimeout: HANDSHAKE_TIMEOUT };
        server = createTlsServer(options, (socket) => this.accept(socket));
        resolve(server);
      });
    });
  }

  private accept(socket: Socket): void {
    this.connections.add(new Connection(socket, {
      maxStreams: MAX_STREAMS,
      accept: (call) => {
        const method = Object.hasOwn(this.deps.methods, call.path) ? this.deps.methods[call.path] : undefined;
        method?.(call);
        return method !== undefined;
      },
      closed: (connection) => this.connections.delete(connection),
    }));
  }

  private ping(): void {
    for (const connection of this.connections) if (!connection.ping()) connection.destroy();
    this.pings = this.deps.clock.setTimer(PING_INTERVAL, () => this.ping());
  }
}
