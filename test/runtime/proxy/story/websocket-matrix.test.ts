import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { createRawTransport } from '../../../../runtime/proxy/transport';
import { Authority, type Identity } from '../support/pki';
import { downstreamTls, trust, upstreamTls } from '../support/tls';
import { TlsProxy } from '../tls/support';

/*
 * WebSocket on every way that a connection of it can take through the proxy, between the client and the server of a library. What single frames do is in
 * `websocket.test.ts`; here each way has to carry all that an application sends.
 */

const LIMITS = { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 1024 * 1024 };
const DEFLATE = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
const OPTIONS = { maxPayload: 32 * 1024 * 1024, allowSynchronousEvents: true, skipUTF8Validation: false };

/** What of `ws` its users do not see: a socket of any kind becomes a WebSocket's. */
interface Inner {
  _isServer: boolean;
  _extensions: Record<string, unknown>;
  setSocket(socket: Duplex, head: Buffer, options: typeof OPTIONS): void;
}
// eslint-disable-next-line @typescript-eslint/no-require-imports
const Deflate = (require('ws') as unknown as { PerMessageDeflate: unknown }).PerMessageDeflate as {
  new (options: object, isServer: boolean): { accept(offers: object[]): object };
};

/** A WebSocket on a tunnel that has been opened already. */
function over(stream: Duplex, isServer: boolean, deflate: boolean): WebSocket {
  const Unconnected = WebSocket as unknown as new (address: null, protocols: undefined, options: object) => WebSocket;
  const made = new Unconnected(null, undefined, { autoPong: true, closeTimeout: 1000 });
  const inner = made as unknown as Inner;
  inner._isServer = isServer;
  if (deflate) {
    const extension = new Deflate({ threshold: 0 }, isServer);
    extension.accept([{ server_no_context_takeover: [true], client_no_context_takeover: [true] }]);
    inner._extensions = { 'permessage-deflate': extension };
  }
  made.on('error', () => undefined);
  inner.setSocket(stream, Buffer.alloc(0), OPTIONS);
  return made;
}

type ClientKind = 'h1' | 'h1+tls' | 'h2' | 'h2+tls';
type UpstreamKind = 'h1' | 'h1+tls' | 'h2';
const WAYS: readonly (readonly [ClientKind, UpstreamKind])[] = (['h1', 'h1+tls', 'h2', 'h2+tls'] as const)
  .flatMap((client) => (['h1', 'h1+tls', 'h2'] as const).map((upstream) => [client, upstream] as const));

let ca: Authority;
let payment: Identity;
beforeAll(async () => {
  ca = await Authority.create('mesh');
  payment = await ca.issue({ uris: ['spiffe://mesh/ns/shop/sa/payment'], dns: ['payment.shop'] });
});

const noise = (length: number): Buffer => randomFillSync(Buffer.allocUnsafe(length));
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64');
const masked = (first: number, bytes: Buffer): Buffer => Buffer.concat([Buffer.from([first, 0x80 | bytes.length, 0, 0, 0, 0]), bytes]);

describe.each(WAYS)('WebSocket: a client by %s, an upstream by %s', (clientKind, upstreamKind) => {
  let proxy: TlsProxy;
  let http1: http.Server | undefined;
  let stream2: http2.Http2Server | undefined;
  const raw = new Set<Socket>();
  const sessions: http2.Http2Session[] = [];
  const served: WebSocket[] = [];
  let came: (socket: WebSocket) => void = () => undefined;

  function serve(socket: WebSocket): void {
    served.push(socket);
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer, binary) => socket.send(data, { binary }));
    came(socket);
  }

  beforeEach(async () => {
    served.length = sessions.length = 0;
    const secure = { key: payment.key, cert: payment.chain };
    if (upstreamKind === 'h2') {
      stream2 = http2.createServer({ settings: { enableConnectProtocol: true } });
      stream2.on('stream', (stream, headers) => {
        const deflate = String(headers['sec-websocket-extensions'] ?? '').startsWith('permessage-deflate');
        stream.respond({ ':status': 200, ...deflate ? { 'sec-websocket-extensions': DEFLATE } : {} });
        serve(over(stream, true, deflate));
      });
      stream2.on('session', (session) => sessions.push(session));
    } else {
      http1 = upstreamKind === 'h1' ? http.createServer() : https.createServer(secure);
      new WebSocketServer({ server: http1, ...OPTIONS, perMessageDeflate: { threshold: 0 } }).on('connection', serve);
      http1.on(upstreamKind === 'h1' ? 'connection' : 'secureConnection', (socket: Socket) => raw.add(socket));
    }
    const server = (http1 ?? stream2)!;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const ofClient = clientKind.endsWith('tls') ? { downstream: { ...downstreamTls({ identity: payment }), alpn: ['h2', 'http/1.1'] } } : {};
    const ofUpstream = upstreamKind === 'h1+tls' ? { upstream: upstreamTls({ validation: trust(ca.bundle), sni: 'payment.shop' }) } : {};
    proxy = await TlsProxy.start(createRawTransport(), {
      ...ofClient, ...ofUpstream, upstreamPorts: [(server.address() as AddressInfo).port], cluster: upstreamKind === 'h2' ? { http2: LIMITS } : {},
    });
  });

  afterEach(async () => {
    for (const socket of served) socket.terminate();
    for (const session of sessions) session.destroy();
    await proxy.close();
    for (const socket of raw) socket.destroy();
    raw.clear();
    const server = (http1 ?? stream2)!;
    await new Promise((resolve) => server.close(resolve));
    http1 = stream2 = undefined;
  });

  /** A tunnel, without anything of WebSocket on it but the handshake. */
  async function tunnel(deflate = false): Promise<Duplex> {
    const extensions = deflate ? { 'sec-websocket-extensions': DEFLATE } : {};
    if (clientKind.startsWith('h2')) {
      const secure = clientKind === 'h2+tls';
      const session = http2.connect(`${secure ? 'https' : 'http'}://127.0.0.1:${proxy.port}`, secure ? { ca: ca.bundle, checkServerIdentity: () => undefined } : {});
      sessions.push(session);
      await once(session, 'remoteSettings');
      const stream = session.request({
        ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': secure ? 'https' : 'http', ':path': '/chat', ':authority': 'payment.shop', 'sec-websocket-version': '13', ...extensions,
      }, { endStream: false });
      const [headers] = await once(stream, 'response') as [http2.IncomingHttpHeaders];
      expect(headers[':status']).toBe(200);
      expect(headers['sec-websocket-extensions'] !== undefined).toBe(deflate);
      return stream;
    }
    const { request } = clientKind === 'h1' ? http : https;
    const asked = request({
      host: '127.0.0.1', port: proxy.port, path: '/chat', agent: false, ...clientKind === 'h1' ? {} : { ca: ca.bundle, checkServerIdentity: () => undefined },
      headers: { 'connection': 'upgrade', 'upgrade': 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', ...extensions },
    });
    asked.end();
    const [response, socket, head] = await once(asked, 'upgrade') as [http.IncomingMessage, Socket, Buffer];
    raw.add(socket);
    socket.on('error', () => undefined);
    // RFC 6455 §1.3: what the server makes of that key, whoever made it on the way.
    expect(response.headers['sec-websocket-accept']).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    expect(response.headers['sec-websocket-extensions'] !== undefined).toBe(deflate);
    if (head.length > 0) socket.unshift(head);
    return socket;
  }

  const connect = async (deflate = false): Promise<WebSocket> => over(await tunnel(deflate), false, deflate);
  const closed = async (socket: WebSocket): Promise<[number, string]> => {
    const [code, reason] = await once(socket, 'close') as [number, Buffer];
    return [code, reason.toString()];
  };

  test.each([false, true])('texts and bytes of every size come back as they were, compressed: %s', async (deflate) => {
    const socket = await connect(deflate);
    for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_003]) {
      const bytes = noise(size);
      socket.send(bytes);
      const [back, binary] = await once(socket, 'message') as [Buffer, boolean];
      expect([binary, back.length, digest(back)]).toEqual([true, size, digest(bytes)]);
    }
    socket.send('grüße, 世界 🌍');
    const [text, binary] = await once(socket, 'message') as [Buffer, boolean];
    expect([String(text), binary]).toEqual(['grüße, 世界 🌍', false]);
    socket.close(1000, 'done');
    expect(await closed(socket)).toEqual([1000, 'done']);
  });

  test('fragments come whole, with pings between them; pings of the server, too', async () => {
    const socket = await connect();
    const pongs: string[] = [];
    socket.on('pong', (data: Buffer) => pongs.push(data.toString()));
    const parts = Array.from({ length: 40 }, (_, i) => noise(i * 37));
    parts.forEach((part, i) => {
      socket.send(part, { fin: i === parts.length - 1, binary: true });
      if (i % 10 === 5) socket.ping(`ping ${i}`);
    });
    const [back] = await once(socket, 'message') as [Buffer];
    expect(digest(back)).toBe(digest(Buffer.concat(parts)));
    expect(pongs).toEqual(['ping 5', 'ping 15', 'ping 25', 'ping 35']);
    const pinged = once(socket, 'ping');
    const ponged = once(served[0], 'pong');
    served[0].ping('from the server');
    expect([String((await pinged)[0]), String((await ponged)[0])]).toEqual(['from the server', 'from the server']);
    socket.close();
    await closed(socket);
  });

  test('close codes and reasons pass in either direction', async () => {
    for (const [code, reason] of [[1000, ''], [1001, 'away'], [1008, 'policy'], [1011, 'x'.repeat(123)], [3000, 'app'], [4999, 'last']] as const) {
      const arrived = new Promise<WebSocket>((resolve) => (came = resolve));
      const byServer = await connect();
      (await arrived).close(code, reason);
      expect(await closed(byServer)).toEqual([code, reason]);
      const again = new Promise<WebSocket>((resolve) => (came = resolve));
      const byClient = await connect();
      const heard = closed(await again);
      byClient.close(code, reason);
      expect(await heard).toEqual([code, reason]);
    }
  });

  test('the server judges what breaks the protocol: a reserved opcode, text that is no UTF-8', async () => {
    for (const [frame, code] of [[masked(0x83, Buffer.alloc(0)), 1002], [masked(0x81, Buffer.from([0xc3, 0x28])), 1007]] as const) {
      const stream = await tunnel();
      let got = Buffer.alloc(0);
      const answered = new Promise<void>((resolve) => stream.on('data', (part: Buffer) => {
        got = Buffer.concat([got, part]);
        if (got.length >= 4) resolve();
      }));
      stream.write(frame);
      await answered;
      expect([got[0], got.readUInt16BE(2)]).toEqual([0x88, code]);
      stream.destroy();
    }
  });

  test('a client that says it sends no more still gets what it asked for, and then the end', async () => {
    const stream = await tunnel();
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    const ended = once(stream, 'end');
    stream.end(masked(0x81, Buffer.from('last words')));
    await ended;
    expect(Buffer.concat(parts).subarray(2).toString()).toBe('last words');
  });
});
