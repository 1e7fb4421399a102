import * as http2 from 'node:http2';
import type { RequestRecord } from '../../../../runtime/proxy/observe/types';
import { Proxy } from '../../../../runtime/proxy/proxy';
import { createPortableTransport, createRawTransport } from '../../../../runtime/proxy/transport';
import { actionConfig, clusterConfig, listenerConfig, retryConfig, routeConfig, routeTable, snapshot } from '../support/config';
import { EventClock } from '../support/event-clock';
import { managerOf } from '../support/harness';
import { Upstream, ask } from '../support/sockets';

interface Answer {
  readonly headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;
  readonly trailers: http2.IncomingHttpHeaders | undefined;
  readonly interim: number[];
  readonly body: Buffer;
}

describe.each([['raw', createRawTransport], ['portable', createPortableTransport]])('clients that speak HTTP/2, %s transport', (_name, createTransport) => {
  let clock: EventClock;
  let proxy: Proxy;
  let upstream: Upstream;
  let client: http2.ClientHttp2Session;
  let port: number;
  let records: { status: number; protocol: string | undefined; flag: string | undefined }[];

  beforeEach(async () => {
    clock = new EventClock();
    records = [];
    const observer = { requestEnded: ({ status, protocol, flag }: RequestRecord) => records.push({ status, protocol, flag }) };
    proxy = new Proxy({ clock, transport: createTransport(), random: Math.random, observer });
    upstream = await Upstream.start((_request, response) => response.end('hello'));
    const routes = routeTable([routeConfig(actionConfig({ retry: retryConfig() }))]);
    await proxy.apply(snapshot(listenerConfig(), routes, [[clusterConfig(), [upstream.port]]]));
    port = proxy.listeners.get('ingress')!.port;
    client = http2.connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 100 });
  });

  afterEach(async () => {
    client.destroy();
    await proxy.close();
    await upstream.kill();
    expect(clock.virtual.timers).toBe(0);
  });

  async function request(headers: http2.OutgoingHttpHeaders, body?: Buffer, trailers?: http2.OutgoingHttpHeaders): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const stream = client.request(headers, { endStream: body === undefined, waitForTrailers: trailers !== undefined });
      const parts: Buffer[] = [];
      const interim: number[] = [];
      let answered: Answer['headers'], late: Answer['trailers'];
      stream.on('wantTrailers', () => stream.sendTrailers(trailers!));
      stream.on('headers', (received) => interim.push(received[':status']!));
      stream.on('response', (received) => (answered = received));
      stream.on('trailers', (received) => (late = received));
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('error', reject);
      stream.on('end', () => resolve({ headers: answered, trailers: late, interim, body: Buffer.concat(parts) }));
      if (body !== undefined) stream.end(body);
    });
  }

  test('a request goes upstream as HTTP/1.1, its answer comes back', async () => {
    upstream.handler = (incoming, response) => {
      expect(incoming).toMatchObject({ method: 'GET', url: '/a?b=c', httpVersion: '1.1' });
      expect(incoming.headers).toMatchObject({ 'host': `127.0.0.1:${port}`, 'cookie': 'a=1; b=2', 'x-own': 'Value' });
      expect(incoming.headers['x-request-id']).toHaveLength(36);
      response.writeHead(201, { 'X-Mixed-Case': 'Kept', 'connection': 'keep-alive' });
      response.end('made');
    };
    const { headers, body } = await request({ ':path': '/a?b=c', 'x-own': 'Value', 'cookie': ['a=1', 'b=2'] });
    expect(headers).toMatchObject({ ':status': 201, 'x-mixed-case': 'Kept', 'server': 'meshwright' });
    expect(headers.connection).toBeUndefined();
    expect(headers['transfer-encoding']).toBeUndefined();
    expect(body.toString()).toBe('made');
    expect(records).toEqual([{ status: 201, protocol: 'HTTP/2', flag: undefined }]);
    expect(managerOf(proxy.listeners.get('ingress')!).stats).toMatchObject({ cxTotal: 1, cxActive: 1, rqTotal: 1, rqActive: 0 });
  });

  test('many streams at once, bodies of all sizes both ways, each answer to its request', async () => {
    upstream.handler = (incoming, response) => incoming.pipe(response);
    const sizes = [0, 1, 100, 16_384, 16_385, 65_536, 300_000, 1_500_000];
    await Promise.all(Array.from({ length: 64 }, async (_, i) => {
      const body = Buffer.alloc(sizes[i % sizes.length], i);
      const headers: http2.OutgoingHttpHeaders = { ':method': 'POST', ':path': `/${i}` };
      if (i % 3 === 0) headers['content-length'] = body.length;
      const answer = await request(headers, body);
      expect(answer.headers[':status']).toBe(200);
      expect(answer.body.equals(body)).toBe(true);
    }));
    expect(records).toHaveLength(64);
  });

  test('trailers in both directions, interim answers before the final one', async () => {
    upstream.handler = (incoming, response) => {
      incoming.resume().on('end', () => {
        response.writeEarlyHints({ link: '</a>; rel=preload' });
        response.writeHead(200, { trailer: 'x-sum' });
        response.write('part');
        response.addTrailers({ 'x-sum': String(incoming.trailers['x-check']) });
        response.end();
      });
    };
    const answer = await request({ ':method': 'POST', ':path': '/' }, Buffer.from('abc'), { 'x-check': '17' });
    expect(answer.interim).toEqual([103]);
    expect(answer.body.toString()).toBe('part');
    expect(answer.trailers).toMatchObject({ 'x-sum': '17' });
  });

  test('HEAD, 204 and 304 have no body', async () => {
    upstream.handler = (incoming, response) => {
      const status = Number(incoming.url!.slice(1));
      response.writeHead(status, status === 200 ? { 'content-length': 5 } : {});
      response.end();
    };
    expect((await request({ ':method': 'HEAD', ':path': '/200' })).headers).toMatchObject({ ':status': 200, 'content-length': '5' });
    expect((await request({ ':path': '/204' })).headers[':status']).toBe(204);
    expect((await request({ ':path': '/304' })).headers[':status']).toBe(304);
  });

  test('a stream that the client gives up ends its request upstream', async () => {
    let closed!: () => void;
    const upstreamClosed = new Promise<void>((resolve) => (closed = resolve));
    let begun!: () => void;
    const started = new Promise<void>((resolve) => (begun = resolve));
    upstream.handler = (incoming) => {
      incoming.on('close', closed);
      begun();
    };
    const stream = client.request({ ':path': '/' });
    stream.on('error', () => undefined);
    await started;
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await upstreamClosed;
    expect(records).toEqual([{ status: 0, protocol: 'HTTP/2', flag: 'DC' }]);
    upstream.handler = (_incoming, response) => response.end('next');
    expect((await request({ ':path': '/' })).body.toString()).toBe('next');
  });

  test('answers of the proxy itself, and a body that nobody wants', async () => {
    await proxy.apply(snapshot(listenerConfig(), routeTable([]), []));
    const { headers, body } = await request({ ':method': 'POST', ':path': '/' }, Buffer.alloc(500_000)).catch(() => ({ headers: undefined, body: undefined }));
    if (headers) expect(headers[':status']).toBe(404);
    if (body) expect(JSON.parse(body.toString())).toMatchObject({ status: 404 });
    expect(records[0]).toMatchObject({ status: 404, flag: 'NR' });
  });

  test('a head that is too large is 431', async () => {
    const { headers } = await request({ ':path': '/', 'x-large': 'a'.repeat(61 * 1024) });
    expect(headers[':status']).toBe(431);
    expect((await request({ ':path': '/' })).headers[':status']).toBe(200);
  });

  test('HTTP/1.1 is served at the same port', async () => {
    expect((await ask(port, '/', { method: 'PUT' })).body).toBe('hello');
    expect(records).toEqual([{ status: 200, protocol: 'HTTP/1.1', flag: undefined }]);
  });

  test('a drain lets streams end and closes then', async () => {
    let answer!: () => void;
    let begun!: () => void;
    const started = new Promise<void>((resolve) => (begun = resolve));
    upstream.handler = (_incoming, response) => {
      answer = () => response.end('done');
      begun();
    };
    const pending = request({ ':path': '/' });
    await started;
    const goneAway = new Promise<void>((resolve) => client.once('goaway', () => resolve()));
    const drained = proxy.drain(1000);
    await goneAway;
    answer();
    expect((await pending).body.toString()).toBe('done');
    await drained;
    await new Promise<void>((resolve) => (client.closed ? resolve() : client.once('close', () => resolve())));
    expect(managerOf(proxy.listeners.get('ingress')!).stats.cxActive).toBe(0);
  });
});
