import { request } from 'node:http';
import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { RequestRecord } from '../../../../runtime/proxy/observe/types';
import { Proxy } from '../../../../runtime/proxy/proxy';
import { createPortableTransport, createRawTransport } from '../../../../runtime/proxy/transport';
import { actionConfig, clusterConfig, listenerConfig, routeConfig, routeTable, snapshot } from '../support/config';
import { EventClock } from '../support/event-clock';
import { managerOf } from '../support/harness';
import { ask } from '../support/sockets';

const LIMITS = { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 1024 * 1024 };

describe.each([['raw', createRawTransport], ['portable', createPortableTransport]])('upstreams that speak HTTP/2, %s transport', (_name, createTransport) => {
  let clock: EventClock;
  let proxy: Proxy;
  let upstream: http2.Http2Server;
  let sessions: http2.ServerHttp2Session[];
  let handler: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;
  let port: number;
  let records: { status: number; flag: string | undefined; detail: string }[];

  async function start(limits: Partial<typeof LIMITS> = {}, settings: http2.Settings = {}, maxConnections = 1024): Promise<void> {
    upstream = http2.createServer({ settings });
    upstream.on('session', (session) => {
      sessions.push(session);
      session.on('error', () => undefined);
    });
    upstream.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      handler(stream, headers);
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const base = clusterConfig();
    const cluster = { ...base, http2: { ...LIMITS, ...limits }, limits: { ...base.limits, maxConnections } };
    await proxy.apply(snapshot(listenerConfig(), routeTable([routeConfig(actionConfig())]), [[cluster, [(upstream.address() as AddressInfo).port]]]));
    port = proxy.listeners.get('ingress')!.port;
  }

  beforeEach(() => {
    clock = new EventClock();
    records = [];
    sessions = [];
    handler = (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('hello');
    };
    const observer = { requestEnded: ({ status, flag, detail }: RequestRecord) => records.push({ status, flag, detail }) };
    proxy = new Proxy({ clock, transport: createTransport(), random: Math.random, observer });
  });

  afterEach(async () => {
    await proxy.close();
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => upstream.close(resolve));
    expect(clock.virtual.timers).toBe(0);
  });

  const cluster = () => [...proxy.clusters.values()][0];

  test('a request of HTTP/1.1 goes as a stream, without what concerned its connection', async () => {
    await start();
    let seen: http2.IncomingHttpHeaders = {};
    handler = (stream, headers) => {
      seen = headers;
      stream.respond({ ':status': 201, 'x-own': 'v', 'content-length': 4 });
      stream.end('made');
    };
    const answer = await ask(port, '/a?b', { headers: { 'X-Mixed': 'Kept', 'connection': 'keep-alive, x-hop', 'x-hop': '1' } });
    expect(answer).toMatchObject({ status: 201, body: 'made', headers: { 'x-own': 'v' } });
    expect(seen).toMatchObject({ ':method': 'GET', ':path': '/a?b', ':scheme': 'http', ':authority': `127.0.0.1:${port}`, 'x-mixed': 'Kept', 'te': 'trailers' });
    expect(seen['x-hop']).toBeUndefined();
  });

  test('trailers of HTTP/1.1 in both directions', async () => {
    await start();
    let late: http2.IncomingHttpHeaders | undefined;
    handler = (stream) => {
      stream.on('trailers', (trailers) => { late = trailers; }).resume().on('end', () => {
        stream.respond({ ':status': 200 }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-back': 'sum' }));
        stream.end('body');
      });
    };
    const trailers = await new Promise<object>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, method: 'POST', headers: { 'trailer': 'x-forth', 'transfer-encoding': 'chunked' } }, (response) => {
        response.resume().on('end', () => resolve(response.trailers)).on('error', reject);
      });
      sent.on('error', reject);
      sent.addTrailers({ 'x-forth': 'count' });
      sent.end('hello');
    });
    expect([late, trailers]).toMatchObject([{ 'x-forth': 'count' }, { 'x-back': 'sum' }]);
  });

  test('requests share one connection, one after the other and at once', async () => {
    await start();
    for (let i = 0; i < 5; i++) expect((await ask(port, '/')).body).toBe('hello');
    const answers = await Promise.all(Array.from({ length: 50 }, async () => ask(port, '/')));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(sessions).toHaveLength(1);
    expect(cluster().connections).toBe(1);
  });

  test('more than a connection carries goes on another, and where there may be none it waits', async () => {
    await start({ maxConcurrentStreams: 2 }, {}, 2);
    const held: http2.ServerHttp2Stream[] = [];
    let four!: () => void;
    const busy = new Promise<void>((resolve) => (four = resolve));
    handler = (stream) => {
      held.push(stream);
      if (held.length === 4) four();
      if (held.length > 4) stream.end('late');
    };
    const all = Promise.all(Array.from({ length: 6 }, async () => ask(port, '/')));
    await busy;
    expect(sessions).toHaveLength(2);
    expect(held).toHaveLength(4);
    for (const stream of held.slice()) stream.end('first');
    expect((await all).map(({ body }) => body).sort()).toEqual(['first', 'first', 'first', 'first', 'late', 'late']);
    expect(sessions).toHaveLength(2);
  });

  test('bodies of all sizes both ways, with and without their length', async () => {
    await start();
    handler = (stream, headers) => {
      stream.respond(headers['content-length'] ? { ':status': 200, 'content-length': headers['content-length'] } : { ':status': 200 });
      stream.pipe(stream);
    };
    await Promise.all([0, 1, 16_384, 65_537, 300_000, 1_000_000].flatMap((size) => [true, false].map(async (known) => {
      const body = 'x'.repeat(size);
      const headers = known ? { 'content-length': String(size) } : { 'transfer-encoding': 'chunked' };
      const answer = await ask(port, '/', { method: 'POST', headers }, body);
      expect(answer.body.length).toBe(size);
    })));
    expect(records.every(({ flag }) => flag === undefined)).toBe(true);
  });

  test('HTTP/2 on both sides: trailers, interim answers, HEAD', async () => {
    await start();
    handler = (stream, headers) => {
      if (headers[':method'] === 'HEAD') {
        stream.respond({ ':status': 200, 'content-length': 7 }, { endStream: true });
        return;
      }
      stream.additionalHeaders({ ':status': 103, 'link': '</a>' });
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end('body');
    };
    const client = http2.connect(`http://127.0.0.1:${port}`);
    const get = client.request({ ':path': '/' });
    let interim = 0, trailers: http2.IncomingHttpHeaders = {};
    get.on('headers', (headers) => (interim = headers[':status']!));
    get.on('trailers', (late) => (trailers = late));
    let body = '';
    get.setEncoding('utf8').on('data', (part: string) => (body += part));
    await new Promise<void>((resolve) => get.on('end', () => resolve()));
    expect({ interim, body, status: trailers['grpc-status'] }).toEqual({ interim: 103, body: 'body', status: '0' });
    const head = client.request({ ':path': '/', ':method': 'HEAD' });
    const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) => head.on('response', resolve));
    expect(headers['content-length']).toBe('7');
    client.destroy();
  });

  test('HTTP/2 on both sides: bodies of all sizes both ways at once, each with its trailers', async () => {
    await start();
    handler = (stream, headers) => {
      let late: http2.IncomingHttpHeaders = {};
      stream.on('trailers', (trailers) => (late = trailers));
      stream.respond({ ':status': 200, 'x-path': headers[':path'] }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': late['x-check'] }));
      stream.pipe(stream);
    };
    const client = http2.connect(`http://127.0.0.1:${port}`);
    const sizes = [0, 1, 100, 16_384, 16_385, 65_536, 300_000, 1_000_000];
    await Promise.all(Array.from({ length: 48 }, async (_, i) => {
      const body = Buffer.alloc(sizes[i % sizes.length], `${i} `);
      const headers: http2.OutgoingHttpHeaders = { ':method': 'POST', ':path': `/${i}` };
      if (i % 3 === 0) headers['content-length'] = body.length;
      const stream = client.request(headers, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-check': String(i) }));
      const parts: Buffer[] = [];
      let late: http2.IncomingHttpHeaders = {}, answered: http2.IncomingHttpHeaders = {};
      stream.on('response', (received) => (answered = received)).on('trailers', (received) => (late = received)).on('data', (part: Buffer) => parts.push(part));
      stream.end(body);
      await new Promise<void>((resolve, reject) => stream.on('end', resolve).on('error', reject));
      expect(answered['x-path']).toBe(`/${i}`);
      expect(late['x-sum']).toBe(String(i));
      expect(Buffer.concat(parts).equals(body)).toBe(true);
    }));
    client.destroy();
    expect(records).toHaveLength(48);
    expect(records.every(({ status, flag }) => status === 200 && flag === undefined)).toBe(true);
  });

  test('GOAWAY: what was taken on is answered, the next request goes on another connection', async () => {
    await start();
    let release!: () => void;
    let begun!: () => void;
    const started = new Promise<void>((resolve) => (begun = resolve));
    handler = (stream) => {
      release = () => stream.end('old');
      begun();
    };
    const first = ask(port, '/');
    await started;
    sessions[0].close();
    const pinged = new Promise<void>((resolve) => sessions[0].ping((() => resolve()) as () => void));
    await pinged.catch(() => undefined);
    handler = (stream) => stream.end('new');
    expect((await ask(port, '/')).body).toBe('new');
    release();
    expect((await first).body).toBe('old');
    expect(sessions).toHaveLength(2);
  });

  test('a stream that is reset, and a port where nobody listens, are failures of the upstream', async () => {
    await start();
    handler = (stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    expect((await ask(port, '/', { method: 'POST' }, 'x')).status).toBe(503);
    expect(records).toMatchObject([{ flag: 'UC' }]);
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => upstream.close(resolve));
    expect((await ask(port, '/', { method: 'POST' }, 'x')).status).toBe(503);
    upstream = http2.createServer();
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    expect(cluster().activeRequests).toBe(0);
  });

  test('whoever gives up at whatever moment: each answer belongs to its request, and nothing is left', async () => {
    await start({ maxConcurrentStreams: 10 });
    let seed = 3;
    const next = (below: number): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((seed / 0x1_0000_0000) * below);
    };
    handler = (stream, headers) => {
      stream.resume();
      if (next(6) === 0) {
        stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
        return;
      }
      stream.respond({ ':status': 200, 'x-path': headers[':path'] });
      stream.write(Buffer.alloc(next(40_000)));
      if (next(6) === 0) stream.close(http2.constants.NGHTTP2_CANCEL);
      else stream.end(Buffer.alloc(next(40_000)));
    };
    const client = http2.connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 100 });
    const ended = { whole: 0, broken: 0 };
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 30 }, async (_, i) => new Promise<void>((resolve) => {
        const path = `/${round}/${i}`;
        const stream = client.request({ ':path': path, ':method': next(2) ? 'POST' : 'GET' }, { endStream: false });
        stream.on('error', () => undefined);
        stream.on('response', (headers) => {
          if (headers[':status'] === 200) expect(headers['x-path']).toBe(path);
          if (next(6) === 0) stream.close(http2.constants.NGHTTP2_CANCEL);
        });
        stream.on('close', () => {
          ended[stream.rstCode === 0 ? 'whole' : 'broken']++;
          resolve();
        });
        stream.resume();
        stream.end(Buffer.alloc(next(50_000)));
      })));
    }
    expect(ended.whole).toBeGreaterThan(50);
    expect(ended.broken).toBeGreaterThan(30);
    expect(client.destroyed).toBe(false);
    client.destroy();
    await proxy.drain(0);
    const { stats } = managerOf(proxy.listeners.get('ingress')!);
    expect(records).toHaveLength(300);
    expect(stats).toMatchObject({ rqTotal: 300, rqActive: 0 });
    expect(cluster()).toMatchObject({ activeRequests: 0, pending: 0 });
  });
});
