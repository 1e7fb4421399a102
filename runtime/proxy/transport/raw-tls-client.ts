import type { Handle } from './raw-binding';
import { RawTlsConnection } from './raw-tls';
import type { RawTlsHost } from './raw-tls-binding';
import type { ClientTls } from './tls';
import type { ConnectionHandler } from './types';

/** One that this side makes: the handshake is a part of connecting. */
export class RawTlsClient extends RawTlsConnection {
  constructor(host: RawTlsHost, tcp: Handle, private readonly client: ClientTls, handler: ConnectionHandler) {
    super(host, tcp, client, handler, false);
  }

  connected(status: number): void {
    if (this.closed) return;
    if (status === 0) this.startClient(this.client);
    else this.fail('connect_failed');
  }
}
