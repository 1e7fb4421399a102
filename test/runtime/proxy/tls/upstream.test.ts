import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { createServer, type AddressInfo, type Server } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Authority, type Identity } from '../support/pki';
import { ask } from '../support/sockets';
import { downstreamTls, trust, upstreamTls } from '../support/tls';
import { BACKENDS, TlsProxy, TlsUpstream, type Setting } from './support';

const CART = 'spiffe://mesh/ns/shop/sa/cart';
const PAYMENT = 'spiffe://mesh/ns/shop/sa/payment';
const HOUR = 3_600_000;

let ca: Authority;
let elsewhere: Authority;
let payment: Identity;
let cart: Identity;

beforeAll(async () => {
  ca = await Authority.create('mesh');
  elsewhere = await Authority.create('elsewhere');
  payment = await ca.issue({ uris: [PAYMENT], dns: ['payment.shop'] });
  cart = await ca.issue({ uris: [CART] });
});

describe.each(BACKENDS)('%s: a cluster with TLS', (_name, create) => {
  let proxy: TlsProxy | undefined;
  const opened: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    await proxy?.close();
    await Promise.all(opened.splice(0).map(async (one) => one.close()));
  });

  async function start(setting: Setting): Promise<TlsProxy> {
    proxy = await TlsProxy.start(create(), setting);
    return proxy;
  }

  async function upstream(identity: Identity, options: object = {}): Promise<TlsUpstream> {
    const made = await TlsUpstream.start({
      key: identity.key, cert: identity.chain, ca: ca.bundle, requestCert: true, rejectUnauthorized: true, ...options,
    });
    opened.push(made);
    return made;
  }

  const mutual = (...names: string[]) => upstreamTls({ identity: cart, validation: trust(ca.bundle, ...names), alpn: ['http/1.1'], sni: 'payment.shop' });
  const counted = () => proxy!.proxy.tls.ofCluster('payment');

  test('shows its certificate and knows the endpoint by its SPIFFE ID; the log has both', async () => {
    const { port } = await upstream(payment);
    const { port: listener, ended } = await start({ upstream: mutual(PAYMENT), upstreamPorts: [port] });
    expect(await ask(listener, '/x')).toMatchObject({ status: 200, body: `/x URI:${CART} http` });
    expect(ended[0]).toMatchObject({ transportFailure: '', upstreamTls: { version: 'TLSv1.3', peer: { uris: [PAYMENT] } } });
    expect(counted()).toMatchObject({ handshake: 1, failVerifySan: 0 });
  });

  test.each<[string, () => Promise<Identity>, RegExp, object]>([
    ['of another identity', async () => ca.issue({ uris: ['spiffe://mesh/ns/shop/sa/mallory'] }),
      /^127\.0\.0\.1:\d+: the server is somebody else; expected uri spiffe:\/\/mesh\/ns\/shop\/sa\/payment; found spiffe:\/\/mesh\/ns\/shop\/sa\/mallory, serial/,
      { failVerifySan: 1 }],
    ['of another authority', async () => elsewhere.issue({ uris: [PAYMENT] }),
      /the server's certificate comes from an authority that is not trusted: CN=elsewhere; expected uri .*payment; found .*payment/, { failVerifyError: 1 }],
    ['that expired', async () => ca.issue({ uris: [PAYMENT], notBefore: -2 * HOUR, notAfter: -HOUR }),
      /the server's certificate expired at 20.*; expected uri .*payment/, { failVerifyError: 1 }],
    ['that is not valid yet', async () => ca.issue({ uris: [PAYMENT], notBefore: HOUR }), /is not valid before 20/, { failVerifyError: 1 }],
  ])('refuses an endpoint with a certificate %s: 503 UF that names nobody to the client', async (_what, identity, reason, stats) => {
    const { port } = await upstream(await identity());
    const started = await start({ upstream: mutual(PAYMENT), upstreamPorts: [port] });
    const answer = await ask(started.port, '/');
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toMatchObject({ type: 'https://meshwright.dev/problems/connect-failure', detail: 'upstream_connection_failure' });
    expect(answer.body).not.toMatch(/127\.0\.0\.1|spiffe|CN=/);
    expect(started.ended[0]).toMatchObject({ status: 503, flag: 'UF' });
    expect(started.ended[0].transportFailure).toMatch(reason);
    expect(started.failures[0]).toMatchObject({ side: 'upstream', name: 'payment', peer: `127.0.0.1:${port}` });
    expect(counted()).toMatchObject({ handshake: 0, ...stats });
  });

  test('the public authorities vouch for nobody of an authority of one\'s own, and one that is given stands instead of them', async () => {
    const { port } = await upstream(payment, { requestCert: false });
    const public_ = { trustedCa: '', crl: undefined, names: [], fingerprints: [], systemRoots: true };
    const toPublic = await start({ upstream: upstreamTls({ validation: public_, sni: 'payment.shop', nameIsSni: true }), upstreamPorts: [port] });
    expect((await ask(toPublic.port, '/')).status).toBe(503);
    expect(toPublic.ended[0]).toMatchObject({ flag: 'UF', transportFailure: expect.stringMatching(/authority that is not trusted: CN=mesh|unable to/) });
    await toPublic.close();
    const toOwn = await start({ upstream: upstreamTls({ validation: { ...public_, trustedCa: ca.bundle }, sni: 'payment.shop', nameIsSni: true }), upstreamPorts: [port] });
    expect((await ask(toOwn.port, '/')).status).toBe(200);
  });

  test('refuses an endpoint whose certificate is revoked', async () => {
    const { port } = await upstream(payment);
    const validation = { ...trust(ca.bundle), crl: await ca.revoke(payment) };
    const started = await start({ upstream: upstreamTls({ identity: cart, validation }), upstreamPorts: [port] });
    expect((await ask(started.port, '/')).status).toBe(503);
    expect(started.ended[0].transportFailure).toContain(`serial ${payment.serial} is on the list of CN=mesh`);
  });

  test('says that the endpoint refused its certificate, which TLS 1.3 tells after the handshake', async () => {
    const stranger = await elsewhere.issue({ uris: [CART] });
    const { port } = await upstream(payment);
    const started = await start({ upstream: upstreamTls({ identity: stranger, validation: trust(ca.bundle) }), upstreamPorts: [port] });
    expect((await ask(started.port, '/')).status).toBe(503);
    expect(started.ended[0].transportFailure).toContain(CART);
    expect(started.ended[0].transportFailure).toMatch(/this side's certificate|refused/);
  });

  test('says that an endpoint speaks no TLS', async () => {
    const plain: Server = createServer((socket) => socket.on('error', () => undefined).on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n', () => socket.destroy())));
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    opened.push({ close: async () => new Promise<void>((resolve) => plain.close(() => resolve())) });
    const started = await start({ upstream: mutual(PAYMENT), upstreamPorts: [(plain.address() as AddressInfo).port] });
    expect((await ask(started.port, '/')).status).toBe(503);
    expect(started.ended[0].transportFailure).toContain('is no TLS; it may speak in plain text');
  });

  test.each([['TLSv1.2', 'TLSv1.3'], ['TLSv1.3', 'TLSv1.2']] as const)('speaks no version that it may not: %s to an endpoint of %s', async (own, theirs) => {
    const { port } = await upstream(payment, { minVersion: theirs, maxVersion: theirs });
    const started = await start({ upstream: { ...mutual(PAYMENT), minVersion: own, maxVersion: own }, upstreamPorts: [port] });
    expect((await ask(started.port, '/')).status).toBe(503);
    expect(started.ended[0].transportFailure).toContain(`the server speaks no version of TLS that this side does: ${own}`);
    await started.apply({ upstream: { ...mutual(PAYMENT), minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' } });
    expect((await ask(started.port, '/')).status).toBe(200);
    expect(started.ended[1].upstreamTls!.version).toBe(theirs);
  });

  test('asks for the endpoint by its name (SNI)', async () => {
    const made = await upstream(payment, {
      SNICallback: (name: string, done: (error: Error | null) => void) => { done(name === 'payment.shop' ? null : new Error(`who is ${name}`)); },
    });
    const started = await start({ upstream: mutual(PAYMENT), upstreamPorts: [made.port] });
    expect((await ask(started.port, '/')).status).toBe(200);
    await started.apply({ upstream: { ...mutual(PAYMENT), sni: 'other.shop' } });
    expect((await ask(started.port, '/')).status).toBe(503);
  });

  test('resumes a session with the endpoint, who is judged again', async () => {
    const { port } = await upstream(payment);
    const started = await start({ upstream: mutual(PAYMENT), cluster: { maxRequestsPerConnection: 1 }, upstreamPorts: [port] });
    for (let round = 0; round < 3; round++) expect((await ask(started.port, '/')).status).toBe(200);
    expect(started.ended.map(({ upstreamTls: found }) => found!.peer!.uris)).toEqual([[PAYMENT], [PAYMENT], [PAYMENT]]);
    expect(counted()!.sessionReused).toBeGreaterThan(0);
    // Other rules: no session is resumed, and no connection used again.
    await started.apply({ upstream: mutual('spiffe://mesh/ns/shop/sa/other') });
    expect((await ask(started.port, '/')).status).toBe(503);
    expect(started.ended[3].transportFailure).toContain('expected uri spiffe://mesh/ns/shop/sa/other');
  });

  test('with auto_sni_san_validation takes whoever has the SNI for a name, and nobody else', async () => {
    const { port } = await upstream(payment);
    const started = await start({ upstream: { ...mutual(), nameIsSni: true }, upstreamPorts: [port] });
    expect((await ask(started.port, '/')).status).toBe(200);
    await started.apply({ upstream: { ...mutual(), sni: 'other.shop', nameIsSni: true } });
    expect((await ask(started.port, '/')).status).toBe(503);
    expect(started.ended[1].transportFailure).toContain('expected dns other.shop; found spiffe://mesh/ns/shop/sa/payment (also payment.shop)');
  });

  test('that speaks HTTP/2 offers it by ALPN', async () => {
    const server: Http2SecureServer = createSecureServer({ key: payment.key, cert: payment.chain }, (request, response) => {
      response.end(`${request.httpVersion} ${(request.socket as TLSSocket).alpnProtocol} ${request.scheme}`);
    });
    const sessions = new Set<{ destroy(): void }>();
    server.on('session', (session) => sessions.add(session));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    opened.push({
      close: async () => new Promise<void>((resolve) => {
        server.close(() => resolve());
        sessions.forEach((session) => session.destroy());
      }),
    });
    const started = await start({
      upstream: { ...mutual(PAYMENT), alpn: ['h2'] }, upstreamPorts: [(server.address() as AddressInfo).port],
      cluster: { http2: { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 1_048_576 } },
    });
    for (let round = 0; round < 3; round++) expect((await ask(started.port, '/')).body).toMatch(/^2\.0 h2 /);
    expect(counted()).toMatchObject({ handshake: 1 });
    expect(started.ended[0].upstreamTls!.peer!.uris).toEqual([PAYMENT]);
    // Other rules, which it does not meet: its connection carries no new request.
    await started.apply({ upstream: { ...mutual('spiffe://mesh/ns/shop/sa/other'), alpn: ['h2'] } });
    expect((await ask(started.port, '/')).status).toBe(503);
    expect(started.ended[3].transportFailure).toContain('expected uri spiffe://mesh/ns/shop/sa/other');
  });

  test('two proxies: a caller and a callee with mutual TLS between them, and what a bad caller is told', async () => {
    const { server, port } = await new Promise<{ server: Server; port: number }>((resolve) => {
      const made = createServer((socket) => socket.on('error', () => undefined).on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')));
      made.listen(0, '127.0.0.1', () => resolve({ server: made, port: (made.address() as AddressInfo).port }));
    });
    const callee = await TlsProxy.start(create(), {
      downstream: downstreamTls({ identity: payment, validation: trust(ca.bundle, CART) }), upstreamPorts: [port],
    });
    opened.push({ close: async () => { await callee.close(); await new Promise<void>((resolve) => server.close(() => resolve())); } });
    const caller = await start({ upstream: mutual(PAYMENT), upstreamPorts: [callee.port] });
    expect(await ask(caller.port, '/')).toMatchObject({ status: 200, body: 'ok' });
    expect(callee.ended[0].downstreamTls!.peer!.uris).toEqual([CART]);

    const mallory = await ca.issue({ uris: ['spiffe://mesh/ns/shop/sa/mallory'] });
    await caller.apply({ upstream: upstreamTls({ identity: mallory, validation: trust(ca.bundle, PAYMENT) }) });
    expect((await ask(caller.port, '/')).status).toBe(503);
    await callee.until(() => callee.failures.length > 0);
    expect(callee.failures[0].reason).toContain(`expected uri ${CART}; found spiffe://mesh/ns/shop/sa/mallory`);
    expect(caller.ended[1].transportFailure).toContain('may have refused this side\'s certificate, spiffe://mesh/ns/shop/sa/mallory');
  });
});
