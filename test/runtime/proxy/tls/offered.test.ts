import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { filterChain, tcpConfig } from '../support/config';
import { Authority, type Identity } from '../support/pki';
import { trust, upstreamTls } from '../support/tls';
import { BACKENDS, TlsProxy } from './support';

let ca: Authority;
let identity: Identity;

beforeAll(async () => {
  ca = await Authority.create('mesh');
  identity = await ca.issue({ dns: ['any'] });
});

/** What a client gets that sends `bytes`. */
async function answered(socket: Socket, bytes: string): Promise<string> {
  socket.write(bytes);
  return new Promise((resolve) => { socket.once('data', (data) => resolve(String(data))).once('close', () => resolve('closed')); });
}

describe.each(BACKENDS)('%s: connections of one cluster that carry different things', (_name, create) => {
  test('say by ALPN what they carry, and count together', async () => {
    const server = createServer({ key: identity.key, cert: identity.chain, ALPNCallback: ({ protocols }) => protocols[0] }, (socket: TLSSocket) => {
      socket.on('error', () => undefined).on('data', () => socket.write(`${socket.alpnProtocol}`));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const chains = [
      filterChain('http', tcpConfig({ alpn: ['http/1.1'] }), { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1'] }),
      filterChain('http2', tcpConfig({ alpn: ['h2'] }), { transportProtocol: 'raw_buffer', applicationProtocols: ['h2c'] }),
      filterChain('bytes', tcpConfig(), { transportProtocol: 'raw_buffer' }),
    ];
    const proxy = await TlsProxy.start(create(), {
      chains,
      cluster: { limits: { maxConnections: 3, maxPendingRequests: 1, maxRequests: 1000, maxRetries: 3 } },
      upstream: upstreamTls({ validation: trust(ca.bundle), alpn: ['other'] }),
      upstreamPorts: [(server.address() as AddressInfo).port],
    });
    const sockets: Socket[] = [];
    const ask = async (bytes: string): Promise<string> => {
      const socket = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
      sockets.push(socket);
      return answered(socket, bytes);
    };
    try {
      expect(await ask('GET / HTTP/1.1\r\n\r\n')).toBe('http/1.1');
      expect(await ask('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toBe('h2');
      expect(await ask('\0bytes')).toBe('other');
      expect(await ask('GET / HTTP/1.1\r\n\r\n')).toBe('closed');
      expect(proxy.proxy.clusters.get('payment')!.stats).toMatchObject({ cxTotal: 3, cxOverflow: 1 });
    } finally {
      for (const socket of sockets) socket.destroy();
      await proxy.close();
      await new Promise((closed) => server.close(closed));
    }
  });
});
