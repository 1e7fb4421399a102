import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import * as net from 'node:net';
import { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { VirtualClock } from '../../../../runtime/clock/virtual';
import type { FilterChainConfig, InspectConfig } from '../../../../runtime/proxy/config/types';
import type { RequestRecord } from '../../../../runtime/proxy/observe/types';
import { Proxy } from '../../../../runtime/proxy/proxy';
import { createPortableTransport, createRawTransport } from '../../../../runtime/proxy/transport';
import { filterChain, tcpConfig } from '../support/config';
import { Authority } from '../support/pki';
import { downstreamTls } from '../support/tls';
import { tcpSnapshot } from './support';

const MEGABYTE = 1024 * 1024;

/** The proxy on real sockets, in front of a server. */
class Rig {
  readonly ended: Pick<RequestRecord, 'flag' | 'bytesReceived' | 'bytesSent' | 'serverName'>[] = [];
  private waiting: { count: number; resolve: () => void } | undefined;

  private constructor(readonly proxy: Proxy, readonly server: net.Server, record: (told: (record: RequestRecord) => void) => void) {
    record(({ flag, bytesReceived, bytesSent, serverName }) => {
      this.ended.push({ flag, bytesReceived, bytesSent, serverName });
      if (this.waiting !== undefined && this.ended.length >= this.waiting.count) this.waiting.resolve();
    });
  }

  static async start(
    createTransport: () => ReturnType<typeof createRawTransport>, serve: (socket: net.Socket) => void,
    options: { chains?: readonly FilterChainConfig[]; inspect?: Partial<InspectConfig> } = {},
  ): Promise<Rig> {
    const server = net.createServer({ allowHalfOpen: true }, serve);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    let told = (_: RequestRecord) => {};
    const proxy = new Proxy({
      clock: new VirtualClock(), transport: createTransport(), random: Math.random,
      observer: { requestEnded: () => {}, connectionEnded: (record) => told(record) },
    });
    await proxy.apply(tcpSnapshot({ ports: [(server.address() as net.AddressInfo).port], ...options }));
    return new Rig(proxy, server, (listen) => { told = listen; });
  }

  get port(): number {
    return this.proxy.listeners.get('ingress')!.port;
  }

  connect(): net.Socket {
    return net.connect({ port: this.port, host: '127.0.0.1', allowHalfOpen: true });
  }

  async sessions(count: number): Promise<void> {
    if (this.ended.length < count) await new Promise<void>((resolve) => { this.waiting = { count, resolve }; });
  }

  async close(): Promise<void> {
    await this.proxy.close();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}

async function readAll(socket: net.Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  socket.on('data', (bytes: Buffer) => pieces.push(bytes));
  await once(socket, 'end');
  return Buffer.concat(pieces);
}

/** However it ends. */
async function closed(socket: net.Socket): Promise<void> {
  socket.on('error', () => {});
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe.each([['raw', createRawTransport], ['portable', createPortableTransport]] as const)('over %s sockets', (_name, createTransport) => {
  test('megabytes in both directions at once arrive as they were sent, and each end is passed on by itself', async () => {
    const up = randomBytes(7 * MEGABYTE + 3);
    const down = randomBytes(9 * MEGABYTE + 1);
    let received = '';
    const rig = await Rig.start(createTransport, (socket) => {
      // The server goes on after the client has ended: what it got is a part of what it says last.
      const got = readAll(socket);
      socket.write(down);
      void got.then((bytes) => {
        received = digest(bytes);
        socket.end('done');
      });
    });
    const clients = Array.from({ length: 3 }, () => rig.connect());
    const answers = await Promise.all(clients.map(async (client) => {
      const answer = readAll(client);
      client.end(up);
      return answer;
    }));
    for (const answer of answers) {
      expect(answer.length).toBe(down.length + 4);
      expect(digest(answer.subarray(0, down.length))).toBe(digest(down));
      expect(answer.subarray(down.length).toString()).toBe('done');
    }
    expect(received).toBe(digest(up));
    await rig.sessions(3);
    expect(rig.ended).toEqual(Array.from({ length: 3 }, () => ({
      flag: undefined, bytesReceived: up.length, bytesSent: down.length + 4, serverName: '',
    })));
    await rig.close();
  });

  test('a server that is slow stops the client: what waits in the proxy is bounded', async () => {
    let slow: net.Socket | undefined;
    let isPaused = () => {};
    const paused = new Promise<void>((resolve) => { isPaused = resolve; });
    const rig = await Rig.start(createTransport, (socket) => {
      slow = socket;
      socket.pause();
      isPaused();
    });
    const bytes = randomBytes(40 * MEGABYTE);
    const client = rig.connect();
    client.write(bytes);
    await paused;
    // Nothing moves any more once the proxy has stopped reading and both systems' buffers are full.
    const stats = () => rig.proxy.listeners.get('ingress')!;
    for (let before = -1, quiet = 0; quiet < 50;) {
      await new Promise((resolve) => setImmediate(resolve));
      const now = client.bytesWritten - client.writableLength + stats().bufferedBytes;
      quiet = now === before ? quiet + 1 : 0;
      before = now;
    }
    expect(stats().bufferedBytes).toBeLessThanOrEqual(1.5 * MEGABYTE);
    const got = readAll(slow!);
    slow!.resume();
    client.end();
    expect(digest(await got)).toBe(digest(bytes));
    slow!.end();
    client.resume();
    await rig.sessions(1);
    await rig.close();
  });

  test('TLS through it is the server\'s own, with its name known to the log', async () => {
    const hellos: Buffer[] = [];
    const rig = await Rig.start(createTransport, (socket) => {
      socket.once('data', (bytes: Buffer) => {
        hellos.push(bytes);
        socket.end();
      });
    }, { inspect: { tls: true }, chains: [filterChain('ingress', tcpConfig(), { serverNames: ['db.shop'] })] });
    const client = tls.connect({ port: rig.port, host: '127.0.0.1', servername: 'db.shop', ALPNProtocols: ['postgresql'] });
    await closed(client);
    await rig.sessions(1);
    expect(hellos[0].subarray(0, 2)).toEqual(Buffer.from([22, 3]));
    expect(rig.ended[0]).toMatchObject({ serverName: 'db.shop', bytesReceived: hellos[0].length });
    const other = tls.connect({ port: rig.port, host: '127.0.0.1', servername: 'web.shop' });
    await closed(other);
    expect(rig.proxy.listeners.get('ingress')!.stats.noFilterChainMatch).toBe(1);
    await rig.close();
  });

  test('TLS that ends here is chosen by its server name, also where the ClientHello comes in pieces', async () => {
    const authority = await Authority.create('root');
    const identity = await authority.issue({ dns: ['db.shop'] });
    const rig = await Rig.start(createTransport, (socket) => socket.on('data', (bytes: Buffer) => socket.end(`got ${bytes.toString()}`)), {
      inspect: { tls: true },
      chains: [{ ...filterChain('ingress', tcpConfig(), { serverNames: ['db.shop'] }), transportSocket: downstreamTls({ identity }) }],
    });
    const socket = rig.connect();
    let isFirst = true;
    const pieces = new Duplex({
      read() {},
      write(bytes: Buffer, _encoding, done) {
        if (!isFirst) {
          socket.write(bytes, () => done());
          return;
        }
        isFirst = false;
        socket.write(bytes.subarray(0, 100));
        const rest = (): void => {
          if (rig.proxy.listeners.get('ingress')!.bufferedBytes < 100) setImmediate(rest);
          else socket.write(bytes.subarray(100), () => done());
        };
        rest();
      },
    });
    socket.on('data', (bytes: Buffer) => pieces.push(bytes));
    const client = tls.connect({ socket: pieces, servername: 'db.shop', ca: authority.certificate.toString('pem') });
    client.write('hello');
    const [answer] = await once(client, 'data') as [Buffer];
    expect(answer.toString()).toBe('got hello');
    client.destroy();
    socket.destroy();
    await rig.sessions(1);
    expect(rig.ended[0].serverName).toBe('db.shop');
    await rig.close();
  });

  test('a reset of the server is a reset for the client', async () => {
    const rig = await Rig.start(createTransport, (socket) => socket.once('data', () => socket.resetAndDestroy()));
    const client = rig.connect();
    client.write('x');
    const [error] = await once(client, 'error') as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
    await rig.sessions(1);
    expect(rig.ended[0].flag).toBe('UC');
    await rig.close();
  });
});
