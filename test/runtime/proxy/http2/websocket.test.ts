import { createServer, type Server } from 'node:http';
import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { RequestRecord } from '../../../../runtime/proxy/observe/types';
import { Proxy } from '../../../../runtime/proxy/proxy';
import { createPortableTransport, createRawTransport } from '../../../../runtime/proxy/transport';
import { actionConfig, clusterConfig, listenerConfig, routeConfig, routeTable, snapshot } from '../support/config';
import { EventClock } from '../support/event-clock';

const LIMITS = { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 1024 * 1024 };
const CONNECT: http2.OutgoingHttpHeaders = {
  ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/chat?room=1', 'sec-websocket-version': '13',
};

interface Tunnel {
  readonly session: http2.ClientHttp2Session;
  readonly stream: http2.ClientHttp2Stream;
  readonly status: number;
}

/** WebSocket (RFC 6455) on connections of HTTP/1.1 and streams of HTTP/2 (RFC 8441), in each combination. */
describe.each([['raw', createRawTransport], ['portable', createPortableTransport]])('WebSocket and HTTP/2, %s transport', (_name, createTransport) => {
  let proxy: Proxy;
  let clock: EventClock;
  let records: Pick<RequestRecord, 'status' | 'method' | 'path' | 'protocol' | 'flag'>[];
  let http1: Server;
  let echo: WebSocketServer;
  let upstream: http2.Http2Server;
  let sessions: http2.ServerHttp2Session[];
  let asked: http2.IncomingHttpHeaders[];
  let onStream: (stream: http2.ServerHttp2Stream) => void;

  beforeEach(async () => {
    clock = new EventClock();
    records = [];
    sessions = [];
    asked = [];
    const observer = {
      requestEnded: ({ status, method, path, protocol, flag }: RequestRecord) => records.push({ status, method, path, protocol, flag }),
    };
    proxy = new Proxy({ clock, transport: createTransport(), random: Math.random, observer });
    http1 = createServer();
    echo = new WebSocketServer({ server: http1 });
    echo.on('connection', (socket, request) => {
      socket.on('message', (data, isBinary) => socket.send(isBinary ? data : `${request.url} ${data.toString()}`));
    });
    onStream = (stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    };
    upstream = http2.createServer({ settings: { enableConnectProtocol: true } });
    upstream.on('session', (session) => sessions.push(session));
    upstream.on('stream', (stream, headers) => {
      asked.push(headers);
      stream.on('error', () => undefined);
      onStream(stream);
    });
    for (const server of [http1, upstream]) await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  });

  afterEach(async () => {
    await proxy.close();
    for (const session of sessions) session.destroy();
    echo.close();
    for (const server of [http1, upstream]) await new Promise((done) => server.close(done));
    expect(clock.virtual.timers).toBe(0);
  });

  async function start(upstreamHttp2: boolean, websocket = true): Promise<number> {
    const cluster = { ...clusterConfig(), http2: upstreamHttp2 ? LIMITS : undefined };
    const { port } = (upstreamHttp2 ? upstream : http1).address() as AddressInfo;
    await proxy.apply(snapshot(listenerConfig({ websocket }), routeTable([routeConfig(actionConfig())]), [[cluster, [port]]]));
    return proxy.listeners.get('ingress')!.port;
  }

  /** A client of HTTP/2 that has asked for a tunnel: its stream, and the answer's head. */
  async function connect(port: number, headers = CONNECT): Promise<Tunnel> {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    await new Promise<void>((done) => session.once('remoteSettings', () => done()));
    const stream = session.request(headers, { endStream: false });
    stream.on('error', () => undefined);
    const answered = await new Promise<http2.IncomingHttpHeaders>((done) => stream.once('response', done));
    return { session, stream, status: answered[':status'] as unknown as number };
  }

  /** A text in one frame of WebSocket, as a client sends it: masked by zeros. */
  const masked = (text: string): Buffer => Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);

  async function read(stream: http2.ClientHttp2Stream, length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    return new Promise((done) => {
      stream.on('data', (part: Buffer) => {
        parts.push(part);
        if (Buffer.concat(parts).length >= length) done(Buffer.concat(parts));
      });
    });
  }

  test('a client of HTTP/2, an upstream of HTTP/1.1', async () => {
    const { session, stream, status } = await connect(await start(false));
    expect(status).toBe(200);
    const reply = '/chat?room=1 hi';
    const back = read(stream, reply.length + 2);
    stream.write(masked('hi'));
    expect((await back).subarray(2).toString()).toBe(reply);
    const ended = new Promise<void>((done) => stream.once('end', () => done()));
    // A close frame, then the end of the client's direction.
    stream.end(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
    await ended;
    session.destroy();
    expect(records).toMatchObject([{ status: 101, method: 'GET', path: '/chat?room=1', protocol: 'HTTP/2', flag: undefined }]);
  });

  test('a client of HTTP/1.1, an upstream of HTTP/2', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${await start(true)}/chat`, { headers: { 'x-own': 'v' } });
    // The upstream sends back the frame as it came; a server's would not be masked, so it is unmasked here.
    onStream = (stream) => {
      stream.respond({ ':status': 200, 'x-from': 'upstream' });
      stream.on('data', () => stream.write(Buffer.from([0x81, 2, 111, 107])));
    };
    const answered = new Promise<string>((done) => socket.once('message', (data) => done(data.toString())));
    const upgraded = new Promise<Record<string, unknown>>((done) => socket.once('upgrade', (response) => done(response.headers)));
    socket.once('open', () => socket.send('hello'));
    expect(await answered).toBe('ok');
    expect(await upgraded).toMatchObject({ 'x-from': 'upstream', 'upgrade': 'websocket' });
    expect(asked[0]).toMatchObject({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat', 'x-own': 'v', 'sec-websocket-version': '13' });
    for (const name of ['sec-websocket-key', 'upgrade', 'connection']) expect(asked[0]).not.toHaveProperty(name);
    const closed = new Promise<void>((done) => socket.once('close', () => done()));
    socket.terminate();
    await closed;
  });

  test('HTTP/2 on both sides, megabytes in both directions, each direction ends by itself', async () => {
    const { session, stream, status } = await connect(await start(true));
    expect(status).toBe(200);
    const sent = Buffer.alloc(1_000_000, 'abcdefg');
    const back = read(stream, sent.length);
    const ended = new Promise<void>((done) => stream.once('end', () => done()));
    stream.end(sent);
    expect((await back).equals(sent)).toBe(true);
    await ended;
    session.destroy();
    expect(records).toMatchObject([{ status: 101, protocol: 'HTTP/2', flag: undefined }]);
    expect(proxy.listeners.get('ingress')!.filterChains).toHaveLength(1);
  });

  test('what a client sends before the tunnel is open goes through it in order', async () => {
    const session = http2.connect(`http://127.0.0.1:${await start(true)}`);
    await new Promise<void>((done) => session.once('remoteSettings', () => done()));
    const stream = session.request(CONNECT, { endStream: false });
    stream.on('error', () => undefined);
    stream.write('early ');
    stream.end('bird');
    expect((await read(stream, 10)).toString()).toBe('early bird');
    session.destroy();
  });

  test('an upstream that refuses is heard', async () => {
    onStream = (stream) => {
      stream.respond({ ':status': 403 });
      stream.end('no');
    };
    const { session, stream, status } = await connect(await start(true));
    expect(status).toBe(403);
    expect((await read(stream, 2)).toString()).toBe('no');
    session.destroy();
  });

  test('an upstream that does not take tunnels, a listener that does not allow them, another protocol', async () => {
    upstream.close();
    upstream = http2.createServer();
    upstream.on('session', (session) => sessions.push(session));
    await new Promise<void>((done) => upstream.listen(0, '127.0.0.1', done));
    const refused = await connect(await start(true));
    const forbidden = await connect(await start(false, false));
    const unknown = await connect(await start(false), { ...CONNECT, ':protocol': 'connect-udp' });
    expect([refused.status, forbidden.status, unknown.status]).toEqual([403, 403, 501]);
    for (const { session } of [refused, forbidden, unknown]) session.destroy();
  });
});
