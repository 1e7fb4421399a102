import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import type { RouteConfig } from '../../../../runtime/proxy/config/types';
import type { RequestRecord } from '../../../../runtime/proxy/observe/types';
import { Proxy } from '../../../../runtime/proxy/proxy';
import { createRawTransport } from '../../../../runtime/proxy/transport';
import { actionConfig, clusterConfig, listenerConfig, routeConfig, routeTable, snapshot } from '../support/config';
import { EventClock } from '../support/event-clock';
import { GET, Harness, OK, parseAnswer } from '../support/harness';

const CONNECT: RouteConfig['match'] = { path: { kind: 'connect', value: '', ignoreCase: false }, headers: [], queryParams: [], fractionPerMillion: 1_000_000 };
const tunnels = routeConfig({ ...actionConfig(), connect: true }, { name: 'tunnels', match: CONNECT });
const requests = routeConfig(actionConfig());
const HTTP2 = { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 1024 * 1024 };

/** The proxy between real sockets; the upstream is a server of bytes that says what it hears, and who it was told has ended. */
class World {
  readonly records: { status: number; path: string; authority: string; detail: string }[] = [];
  private ends: (() => void)[] = [];
  readonly proxy = new Proxy({
    clock: new EventClock(),
    transport: createRawTransport(),
    random: Math.random,
    observer: {
      requestEnded: ({ status, path, authority, detail }: RequestRecord) => {
        this.records.push({ status, path, authority, detail });
        this.ends.splice(0).forEach((end) => end());
      },
    },
  });

  /** What the upstream was sent before it answered anything. */
  readonly heard: Buffer[] = [];
  private readonly sockets = new Set<net.Socket>();
  private readonly server = net.createServer({ allowHalfOpen: true }, (socket) => {
    this.sockets.add(socket);
    socket.on('data', (bytes) => {
      this.heard.push(bytes);
      socket.write(bytes);
    });
    socket.on('end', () => {
      if (!socket.writableEnded) socket.end('bye');
    });
    socket.on('error', () => undefined);
  });

  static async start(routes: readonly RouteConfig[], toHttp2 = false): Promise<World> {
    const world = new World();
    await new Promise<void>((resolve) => world.server.listen(0, '127.0.0.1', resolve));
    const cluster = { ...clusterConfig(), ...toHttp2 ? { http2: HTTP2 } : {} };
    await world.proxy.apply(snapshot(listenerConfig(), routeTable(routes), [[cluster, [(world.server.address() as net.AddressInfo).port]]]));
    return world;
  }

  get port(): number {
    return this.proxy.listeners.get('ingress')!.port;
  }

  async ended(count: number): Promise<void> {
    while (this.records.length < count) await new Promise<void>((resolve) => this.ends.push(resolve));
  }

  /** The upstream says that it has nothing more to say. */
  hangUp(): void {
    for (const socket of this.sockets) socket.end('bye');
  }

  async close(): Promise<void> {
    await this.proxy.close();
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

let world: World | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

/** All that comes to the end of the stream. */
async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const bytes of stream) text += String(bytes);
  return text;
}

const cluster = [['HTTP/1.1', false], ['HTTP/2', true]] as const;

describe.each(cluster)('a tunnel to a cluster of %s: its bytes alone go there', (_version, toHttp2) => {
  test('from a client of HTTP/1.1', async () => {
    world = await World.start([tunnels, requests], toHttp2);
    const request = http.request({ host: '127.0.0.1', port: world.port, method: 'CONNECT', path: 'db.example:5432' });
    request.end();
    const [response, socket, head] = await new Promise<[http.IncomingMessage, net.Socket, Buffer]>((resolve) =>
      request.on('connect', (answer, connected, first) => resolve([answer, connected as net.Socket, first])));
    expect(response.statusCode).toBe(200);
    // RFC 9110 §9.3.6: neither, since what follows is no content.
    expect([response.headers['content-length'], response.headers['transfer-encoding']]).toEqual([undefined, undefined]);
    expect(head).toHaveLength(0);
    const big = Buffer.alloc(300_000, 'x');
    socket.write('hello ');
    socket.end(big);
    expect(await textOf(socket)).toBe(`hello ${big.toString()}bye`);
    await world.ended(1);
    expect(world.records).toEqual([{ status: 200, path: '', authority: 'db.example:5432', detail: 'via_upstream' }]);
  });

  test('what a client sends ahead belongs to the tunnel, and the upstream may end first', async () => {
    world = await World.start([tunnels], toHttp2);
    const socket = net.connect({ port: world.port, host: '127.0.0.1' });
    let text = '';
    const echoed = new Promise<void>((resolve) => socket.on('data', (bytes) => {
      text += String(bytes);
      if (/\r\n\r\n.*\r\n\r\n/.test(text)) resolve();
    }));
    socket.write('CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\nGET / HTTP/1.1\r\n\r\n');
    await echoed;
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nGET \/ HTTP\/1\.1\r\n\r\n$/);
    expect(Buffer.concat(world.heard).toString()).toBe('GET / HTTP/1.1\r\n\r\n');
    const closed = new Promise((resolve) => socket.on('close', resolve));
    world.hangUp();
    await closed;
    await world.ended(1);
    expect(text).toMatch(/bye$/);
  });

  test('from a client of HTTP/2, beside a request', async () => {
    world = await World.start([tunnels, requests], toHttp2);
    const session = http2.connect(`http://127.0.0.1:${world.port}`);
    const stream = session.request({ ':method': 'CONNECT', ':authority': 'db.example:5432' });
    const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.on('response', resolve));
    expect(headers[':status']).toBe(200);
    expect(headers['content-length']).toBeUndefined();
    const big = Buffer.alloc(300_000, 'y');
    stream.write('hello ');
    stream.end(big);
    expect(await textOf(stream)).toBe(`hello ${big.toString()}bye`);
    await world.ended(1);
    expect(world.records).toMatchObject([{ status: 200, authority: 'db.example:5432' }]);
    await new Promise<void>((resolve) => session.close(resolve));
  });
});

describe('refused unless a route takes it', () => {
  test.each([
    ['no route but for requests', [requests]], ['a route that takes CONNECT but for no tunnel', [routeConfig(actionConfig(), { match: CONNECT })]],
  ])('%s', async (_what, routes) => {
    world = await World.start(routes);
    const socket = net.connect({ port: world.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.write('CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n');
    const text = await textOf(socket);
    socket.end();
    // What was sent ahead is no request.
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 501']);
    expect(text).toMatch(/connection: close/);
    const session = http2.connect(`http://127.0.0.1:${world.port}`);
    const stream = session.request({ ':method': 'CONNECT', ':authority': 'a:443' });
    const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.on('response', resolve));
    expect(headers[':status']).toBe(501);
    stream.destroy();
    await new Promise<void>((resolve) => session.close(resolve));
    expect(world.heard).toEqual([]);
  });
});

describe('on memory', () => {
  let harness: Harness;
  afterEach(async () => {
    expect(harness.manager.stats.rqActive).toBe(0);
    await harness.close();
  });

  test.each([
    ['without a port', 'CONNECT a HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['without a number', 'CONNECT a: HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['as a path', 'CONNECT / HTTP/1.1\r\nhost: a:1\r\n\r\n'],
    ['as a URL', 'CONNECT http://a:1/ HTTP/1.1\r\nhost: a:1\r\n\r\n'],
    ['with credentials', 'CONNECT u@a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n'],
    ['with a length', 'CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\ncontent-length: 3\r\n\r\nabc'],
    ['in chunks', 'CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['without a host', 'CONNECT a:1 HTTP/1.1\r\n\r\n'],
  ])('%s it is 400, and the connection closes', async (_what, bytes) => {
    harness = await Harness.start({ routes: [tunnels] });
    const client = harness.send(bytes);
    expect(parseAnswer(client.received).status).toBe(400);
    expect(harness.transport.connected).toHaveLength(0);
  });

  test('a connection that served a request is no tunnel\'s, and a tunnel\'s serves no request', async () => {
    harness = await Harness.start({ routes: [tunnels, requests] });
    harness.send(GET);
    harness.reply(OK);
    const pooled = harness.transport.last;
    const client = harness.send('CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n');
    const tunnel = harness.transport.last;
    expect(tunnel).not.toBe(pooled);
    expect(tunnel.received).toBe('');
    client.deliver('ping');
    expect(tunnel.received).toBe('ping');
    client.deliverEnd();
    tunnel.deliverEnd();
    expect(tunnel.closed).toBe(true);
    expect(harness.cluster.connections).toBe(1);
  });

  test('an upstream that is not there is 503', async () => {
    harness = await Harness.start({ routes: [tunnels] });
    harness.transport.autoConnect = false;
    const client = harness.send('CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n');
    harness.transport.last.deliverReset('connect_failed');
    expect(parseAnswer(client.received).status).toBe(503);
  });
});
