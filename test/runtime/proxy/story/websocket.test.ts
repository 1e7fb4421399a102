import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import * as net from 'node:net';
import { WebSocket, WebSocketServer, type ClientOptions } from 'ws';
import { Proxy } from '../../../../runtime/proxy/proxy';
import { createPortableTransport, createRawTransport } from '../../../../runtime/proxy/transport';
import { actionConfig, clusterConfig, listenerConfig, routeConfig, routeTable, snapshot } from '../support/config';
import { EventClock } from '../support/event-clock';
import { managerOf } from '../support/harness';

/*
 * WebSocket through the proxy between a real client and a real server: the areas of Autobahn's cases (framing, pings, fragmentation, UTF-8, closing,
 * sizes, compression), and what a proxy in between could do wrong to them.
 */

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64');
const noise = (length: number): Buffer => randomFillSync(Buffer.allocUnsafe(length));

describe.each([['raw', createRawTransport], ['portable', createPortableTransport]])('WebSocket, %s transport', (_name, createTransport) => {
  let clock: EventClock;
  let proxy: Proxy;
  let server: WebSocketServer;
  let port: number;
  let ended: (string | undefined)[];

  beforeEach(async () => {
    clock = new EventClock();
    ended = [];
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: { threshold: 0 }, maxPayload: 32 * 1024 * 1024 });
    await once(server, 'listening');
    proxy = new Proxy({ clock, transport: createTransport(), random: Math.random, observer: { requestEnded: ({ flag }) => ended.push(flag) } });
    const clusters = [[clusterConfig(), [(server.address() as net.AddressInfo).port]]] as const;
    await proxy.apply(snapshot(listenerConfig(), routeTable([routeConfig(actionConfig({ timeout: 100 }))]), clusters));
    port = proxy.listeners.get('ingress')!.port;
    server.on('connection', (socket) => {
      socket.on('error', () => undefined);
      socket.on('message', (data: Buffer, binary) => socket.send(data, { binary }));
    });
  });

  afterEach(async () => {
    for (const socket of server.clients) socket.terminate();
    await proxy.close();
    await new Promise((resolve) => server.close(resolve));
    expect(managerOf(proxy.listeners.get('ingress') ?? listener).stats).toMatchObject({ rqActive: 0, upgradeActive: 0 });
    expect(clock.virtual.timers).toBe(0);
  });

  let listener: ReturnType<Proxy['listeners']['get']> & object;
  const connect = async (options: ClientOptions = {}): Promise<WebSocket> => {
    listener = proxy.listeners.get('ingress')!;
    const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`, { perMessageDeflate: false, maxPayload: 32 * 1024 * 1024, ...options });
    await once(socket, 'open');
    return socket;
  };
  const closed = async (socket: WebSocket): Promise<[number, string]> => {
    const [code, reason] = await once(socket, 'close') as [number, Buffer];
    return [code, reason.toString()];
  };

  test.each([false, true])('messages of every size up to 16 MB come back as they were, compressed %s', async (perMessageDeflate) => {
    const socket = await connect({ perMessageDeflate });
    expect(socket.extensions).toBe(perMessageDeflate ? 'permessage-deflate' : '');
    // Around what the length field, a read and a buffer hold.
    const sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 131_072, 1_000_003];
    // Compressing is what takes the time, and no business of the proxy.
    for (const size of perMessageDeflate ? sizes : [...sizes, 16 * 1024 * 1024]) {
      const bytes = noise(size);
      socket.send(bytes);
      const [back, binary] = await once(socket, 'message') as [Buffer, boolean];
      expect([binary, back.length, digest(back)]).toEqual([true, size, digest(bytes)]);
    }
    socket.send('grüße, 世界 🌍');
    expect(String((await once(socket, 'message'))[0])).toBe('grüße, 世界 🌍');
    socket.close(1000, 'done');
    expect(await closed(socket)).toEqual([1000, 'done']);
  });

  test('fragments come whole, with pings between them', async () => {
    const socket = await connect();
    const pongs: string[] = [];
    socket.on('pong', (data: Buffer) => pongs.push(data.toString()));
    const parts = Array.from({ length: 50 }, (_, i) => noise(i * 37));
    parts.forEach((part, i) => {
      socket.send(part, { fin: i === parts.length - 1, binary: true });
      if (i % 10 === 5) socket.ping(`ping ${i}`);
    });
    const [back] = await once(socket, 'message') as [Buffer];
    expect(digest(back)).toBe(digest(Buffer.concat(parts)));
    expect(pongs).toEqual(['ping 5', 'ping 15', 'ping 25', 'ping 35', 'ping 45']);
    const pinged = once(socket, 'ping');
    for (const each of server.clients) each.ping('from the server');
    expect(String((await pinged)[0])).toBe('from the server');
    socket.close();
    await closed(socket);
  });

  test.each<[number, string]>([[1000, ''], [1001, 'away'], [1008, 'policy'], [1011, 'x'.repeat(123)], [3000, 'app'], [4999, 'last']])(
    'close code %d passes in either direction', async (code, reason) => {
      const byServer = await connect();
      const serverSide = [...server.clients][0];
      serverSide.close(code, reason);
      expect(await closed(byServer)).toEqual([code, reason]);
      const byClient = await connect();
      const heard = closed([...server.clients].find((each) => each.readyState === WebSocket.OPEN)!);
      byClient.close(code, reason);
      expect(await heard).toEqual([code, reason]);
    });

  test('a frame that breaks the protocol is for the ends to judge: the proxy passes it and the close that follows', async () => {
    const raw = net.connect(port, '127.0.0.1');
    raw.write('GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
    listener = proxy.listeners.get('ingress')!;
    let got = Buffer.alloc(0);
    raw.on('data', (part: Buffer) => { got = Buffer.concat([got, part]); });
    await once(raw, 'data');
    // A reserved opcode: ws answers with 1002.
    raw.write(Buffer.from([0x83, 0x80, 0, 0, 0, 0]));
    await once(raw, 'end');
    const frame = got.subarray(got.indexOf('\r\n\r\n') + 4);
    expect([frame[0], frame.readUInt16BE(2)]).toEqual([0x88, 1002]);
    raw.destroy();
  });

  test('frames cut at every byte arrive as frames', async () => {
    const raw = net.connect(port, '127.0.0.1');
    raw.setNoDelay(true);
    listener = proxy.listeners.get('ingress')!;
    raw.write('GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
    let got = Buffer.alloc(0);
    const wanted = '\x81\x05hello\x8a\x02hi';
    const all = new Promise<void>((resolve) => raw.on('data', (part: Buffer) => {
      got = Buffer.concat([got, part]);
      if (got.toString('latin1').endsWith(wanted)) resolve();
    }));
    const frames = Buffer.concat([Buffer.from([0x81, 0x85, 0, 0, 0, 0]), Buffer.from('hello'), Buffer.from([0x89, 0x82, 0, 0, 0, 0]), Buffer.from('hi')]);
    for (const byte of frames) {
      raw.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await all;
    raw.destroy();
  });

  test('a reader that stands still holds the writer back, and nothing is lost', async () => {
    const socket = await connect();
    (socket as unknown as { _socket: net.Socket })._socket.pause();
    const messages = Array.from({ length: 64 }, () => noise(512 * 1024));
    const serverSide = [...server.clients][0];
    for (const message of messages) serverSide.send(message);
    // It does not fit into the system's buffers: something waits at the server until the client reads.
    expect(serverSide.bufferedAmount).toBeGreaterThan(0);
    const back: string[] = [];
    const done = new Promise<void>((resolve) => socket.on('message', (data: Buffer) => {
      back.push(digest(data));
      if (back.length === messages.length) resolve();
    }));
    (socket as unknown as { _socket: net.Socket })._socket.resume();
    await done;
    expect(back).toEqual(messages.map(digest));
    socket.close();
    await closed(socket);
  });

  test('many at once do not mix, whoever ends them and however', async () => {
    const count = 100;
    await Promise.all(Array.from({ length: count }, async (_, i) => {
      const socket = await connect({ perMessageDeflate: i % 2 === 0 });
      for (let n = 0; n < 5; n++) {
        socket.send(`${i} ${n} ${'x'.repeat(i * 10)}`);
        expect(String((await once(socket, 'message'))[0])).toBe(`${i} ${n} ${'x'.repeat(i * 10)}`);
      }
      const over = closed(socket);
      if (i % 4 === 0) socket.terminate();
      else socket.close(1000);
      await over;
    }));
    for (const each of server.clients) each.terminate();
    await proxy.drain(1000);
    expect(ended).toHaveLength(count);
    expect(managerOf(listener).stats).toMatchObject({ upgradeTotal: count, upgradeActive: 0 });
  });
});
