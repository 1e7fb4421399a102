import { createServer, isIP, type AddressInfo, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { connect, type PeerCertificate } from 'node:tls';
import type { HostPort } from '../config/decode/scalars';
import type { Log } from '../observe/log';

/** What the relay shows, and whom it believes, at this moment. PEM. */
export interface RelayIdentity {
  readonly certificateChain: string;
  readonly privateKey: string;
  readonly roots: string;
}

export interface RelayDeps {
  readonly to: HostPort;
  /** SPIFFE ID of the control plane: by it alone it is known, at whatever address it is. */
  readonly controlPlane: string;
  readonly identity: () => Promise<RelayIdentity>;
  readonly log: Log;
}

/**
 * Connections of the pod's own programs to the control plane. They come in plain text over the loopback, which nobody else reaches, and go on by mutual
 * TLS: clients of gRPC, of which many cannot show a certificate to their xDS server, need to know nothing of it. It passes on bytes, and knows nothing
 * of what they say.
 */
export class Relay {
  private readonly server: Server;
  private readonly open = new Set<Socket>();

  constructor(private readonly deps: RelayDeps) {
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => void this.accept(socket));
  }

  /** @returns the port that was bound. */
  async listen({ host, port }: HostPort): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => {
        this.server.off('error', reject);
        resolve((this.server.address() as AddressInfo).port);
      });
    });
  }

  async close(): Promise<void> {
    await new Promise<void>((done) => {
      this.server.close(() => done());
      for (const socket of this.open) socket.destroy();
    });
  }

  private async accept(socket: Socket): Promise<void> {
    const { controlPlane, identity, log, to } = this.deps;
    this.track(socket);
    // Said once more when it is closed.
    socket.on('error', () => {});
    try {
      const { certificateChain, privateKey, roots } = await identity();
      const upstream = connect({
        host: to.host, port: to.port, cert: certificateChain, key: privateKey, ca: roots, minVersion: 'TLSv1.2', ALPNProtocols: ['h2'],
        servername: isIP(to.host) === 0 ? to.host : '',
        checkServerIdentity: (_host, certificate) => wrongPeer(certificate, controlPlane),
      });
      this.track(upstream);
      upstream.on('error', (error) => log.warning('relay', 'no connection to the control plane', { reason: error.message }));
      // Either end that breaks takes the other with it.
      pipeline(socket, upstream, socket, () => {
        socket.destroy();
        upstream.destroy();
      });
    } catch (error) {
      log.warning('relay', 'a connection cannot be passed on', { reason: (error as Error).message });
      socket.destroy();
    }
  }

  private track(socket: Socket): void {
    this.open.add(socket);
    socket.once('close', () => this.open.delete(socket));
  }
}

/** Node has verified the chain. */
function wrongPeer({ subjectaltname }: PeerCertificate, controlPlane: string): Error | undefined {
  const names = (subjectaltname ?? '').split(', ');
  return names.includes(`URI:${controlPlane}`) ? undefined : new Error(`the server is ${subjectaltname ?? 'nobody'}, and not ${controlPlane}`);
}
