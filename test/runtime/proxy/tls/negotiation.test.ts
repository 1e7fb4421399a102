import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect as connectHttp2, createSecureServer, type Http2SecureServer, type SecureServerOptions } from 'node:http2';
import { createServer } from 'node:https';
import { connect, createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { actionConfig, clusterConfig, listenerConfig, routeConfig, routeTable, snapshot } from '../support/config';
import { Authority, type Identity } from '../support/pki';
import { ask } from '../support/sockets';
import { trust, upstreamTls } from '../support/tls';
import { BACKENDS, TlsProxy, type Setting } from './support';

const LIMITS = { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 1024 * 1024 };

let ca: Authority;
let identity: Identity;

beforeAll(async () => {
  ca = await Authority.create('mesh');
  identity = await ca.issue({ dns: ['any'] });
});

describe.each(BACKENDS)('%s: a cluster whose TLS decides between HTTP/1.1 and HTTP/2 (auto_config)', (_name, create) => {
  let proxy: TlsProxy | undefined;
  const servers: { readonly server: Server | Http2SecureServer; readonly sockets: Set<Socket> }[] = [];
  afterEach(async () => {
    await proxy?.close();
    for (const { server, sockets } of servers.splice(0)) {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    }
  });

  /** Answers with the version that it was asked in, and what it got. */
  async function upstream(kind: 'both' | 'http1' | 'http2', port = 0): Promise<number> {
    const options: SecureServerOptions = { key: identity.key, cert: identity.chain, allowHTTP1: kind === 'both' };
    const answer = (request: IncomingMessage, response: ServerResponse) => {
      let bytes = 0;
      request.on('data', (data: Buffer) => { bytes += data.length; });
      request.on('end', () => response.end(`${request.httpVersion} ${bytes}`));
    };
    const server = kind === 'http1' ? createServer(options as object, answer as never) : createSecureServer(options, answer as never);
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket.on('error', () => undefined));
    }).on('tlsClientError', () => undefined).on('sessionError', () => undefined);
    servers.push({ server, sockets });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  async function start(upstreamPorts: number[], cluster: Setting['cluster'] = {}): Promise<TlsProxy> {
    proxy = await TlsProxy.start(create(), {
      cluster: { autoHttp2: LIMITS, ...cluster }, upstream: upstreamTls({ validation: trust(ca.bundle), alpn: ['h2', 'http/1.1'] }), upstreamPorts,
    });
    return proxy;
  }

  const post = async (port: number, size: number, chunked: boolean) => ask(port, '/', {
    method: 'POST', headers: chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(size) },
  }, 'x'.repeat(size));

  test.each([['both', '2.0'], ['http2', '2.0'], ['http1', '1.1']] as const)('an endpoint of %s is asked in %s, from the first request on', async (kind, version) => {
    const { port, ended } = await start([await upstream(kind)]);
    const first = await Promise.all([post(port, 5, false), post(port, 70_000, true), ask(port, '/')]);
    expect(first.map(({ status, body }) => `${status} ${body}`)).toEqual([`200 ${version} 5`, `200 ${version} 70000`, `200 ${version} 0`]);
    for (let i = 0; i < 3; i++) expect((await post(port, 10, i === 1)).body).toBe(`${version} 10`);
    expect(ended.every(({ status, upstreamTls: tls }) => status === 200 && tls!.alpn === (version === '2.0' ? 'h2' : 'http/1.1'))).toBe(true);
    // One asked; HTTP/2 then needs one.
    const made = proxy!.proxy.clusters.get('payment')!.stats.cxTotal;
    if (version === '2.0') expect(made).toBe(2);
    else expect(made).toBeGreaterThan(1);
  });

  test('an endpoint that is not there is 503, and asked again by the next request', async () => {
    const port = await upstream('http2');
    await new Promise((closed) => servers.pop()!.server.close(closed));
    const { port: listener, ended } = await start([port]);
    expect((await ask(listener, '/')).status).toBe(503);
    expect(ended[0]).toMatchObject({ flag: 'UF' });
    await upstream('both', port);
    expect((await ask(listener, '/')).body).toBe('2.0 0');
  });

  test('of endpoints of which one has no HTTP/2, all are asked in HTTP/1.1 in the end', async () => {
    const { port } = await start([await upstream('both'), await upstream('http1')]);
    const answers: string[] = [];
    for (let i = 0; i < 12; i++) answers.push((await ask(port, '/')).body);
    expect(answers.slice(-6)).toEqual(Array(6).fill('1.1 0'));
    expect(answers.filter((body) => !/^(1\.1|2\.0) 0$/.test(body)).length).toBeLessThan(2);
  });

  test('one that breaks the handshake off in silence, where HTTP/2 alone is offered, is the next to be asked', async () => {
    const behind = await upstream('http1');
    const server = createTcpServer((socket) => socket.once('data', (hello: Buffer) => {
      if (!hello.includes('http/1.1')) return void socket.end();
      const inner = connect(behind, '127.0.0.1').on('error', () => socket.destroy());
      socket.unshift(hello);
      socket.pipe(inner).pipe(socket);
    }));
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => { sockets.add(socket.on('error', () => undefined)); });
    servers.push({ server, sockets });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = await start([await upstream('both'), (server.address() as AddressInfo).port]);
    const answers: string[] = [];
    for (let i = 0; i < 12; i++) answers.push((await ask(port, '/')).body);
    expect(answers.slice(-6)).toEqual(Array(6).fill('1.1 0'));
    expect(answers.filter((body) => !/^(1\.1|2\.0) 0$/.test(body)).length).toBeLessThan(2);
  });

  test('other endpoints are asked what they speak, and requests go on meanwhile', async () => {
    const { port } = await start([await upstream('http1')]);
    expect((await ask(port, '/')).body).toBe('1.1 0');
    await proxy!.apply({ upstreamPorts: [await upstream('both')] });
    const answers: string[] = [];
    while (answers.at(-1) !== '2.0 0' && answers.length < 100) answers.push((await ask(port, '/')).body);
    expect(answers.at(-1)).toBe('2.0 0');
    expect(new Set(answers.slice(0, -1))).toEqual(answers.length > 1 ? new Set(['1.1 0']) : new Set());
  });

  test('an endpoint that gets copies alone is asked, too', async () => {
    const [port, copies] = [await upstream('both'), await upstream('http2')];
    await start([port]);
    const secure = { autoHttp2: LIMITS, transportSocket: upstreamTls({ validation: trust(ca.bundle), alpn: ['h2', 'http/1.1'] }), connectTimeout: 5000 };
    const routes = routeTable([routeConfig(actionConfig({ mirrors: [{ cluster: 'copies', fractionPerMillion: 1_000_000 }] }))]);
    await proxy!.proxy.apply(snapshot(listenerConfig(), routes, [
      [clusterConfig({ name: 'payment', ...secure }), [port]], [clusterConfig({ name: 'copies', ...secure }), [copies]],
    ]));
    const { stats } = proxy!.proxy.clusters.get('copies')!;
    for (let i = 0; i < 100 && stats.rqByClass[2] === 0; i++) expect((await ask(proxy!.port, '/')).body).toBe('2.0 0');
    expect(stats.rqByClass[2]).toBeGreaterThan(0);
  });

  test('no endpoint at all is 503', async () => {
    const { port } = await start([]);
    expect((await ask(port, '/')).status).toBe(503);
  });

  test('a client that goes away while it is asked leaves nothing', async () => {
    const sockets = new Set<Socket>();
    const silent = createTcpServer((socket) => { sockets.add(socket.on('error', () => undefined)); });
    servers.push({ server: silent, sockets });
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port, ended, proxy: inner } = await start([(silent.address() as AddressInfo).port]);
    const client = connect(port, '127.0.0.1').on('error', () => undefined);
    client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    await once(silent, 'connection');
    client.destroy();
    await proxy!.until(() => ended.length === 1);
    expect(ended[0]).toMatchObject({ status: 0, flag: 'DC' });
    expect(inner.clusters.get('payment')!.activeRequests).toBe(0);
  });

  test('streams of HTTP/2 send meanwhile, and their trailers come', async () => {
    const { port } = await start([await upstream('both')]);
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    try {
      const answers = await Promise.all([0, 5, 100_000].map(async (size) => new Promise<string>((resolve, reject) => {
        const stream = session.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true });
        let text = '';
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1' }));
        stream.setEncoding('utf8').on('data', (part: string) => { text += part; }).on('end', () => resolve(text)).on('error', reject);
        stream.end('x'.repeat(size));
      })));
      expect(answers).toEqual(['2.0 0', '2.0 5', '2.0 100000']);
    } finally {
      session.destroy();
    }
  });
});
