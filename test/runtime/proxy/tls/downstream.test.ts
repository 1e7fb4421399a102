import type { RequestOptions } from 'node:https';
import { connect } from 'node:net';
import type { SecureVersion } from 'node:tls';
import { Authority, type Identity } from '../support/pki';
import { Upstream, ask } from '../support/sockets';
import { certificateOf, downstreamTls, trust } from '../support/tls';
import { askTls, BACKENDS, handshake, TlsProxy, type Setting } from './support';

const CART = 'spiffe://mesh/ns/shop/sa/cart';
const PAYMENT = 'spiffe://mesh/ns/shop/sa/payment';
const HOUR = 3_600_000;

let ca: Authority;
let middle: Authority;
let elsewhere: Authority;
let payment: Identity;
let cart: Identity;
let upstream: Upstream;

beforeAll(async () => {
  ca = await Authority.create('mesh');
  middle = await Authority.create('mesh-issuing', ca);
  elsewhere = await Authority.create('elsewhere');
  payment = await ca.issue({ uris: [PAYMENT], dns: ['payment.shop'] });
  cart = await ca.issue({ uris: [CART] });
  upstream = await Upstream.start((request, response) => response.end(`${request.url} ${request.headers['x-forwarded-proto']}`));
});
afterAll(async () => upstream.kill());

describe.each(BACKENDS)('%s: a client of a listener', (_name, create) => {
  let proxy: TlsProxy | undefined;
  afterEach(async () => proxy?.close());

  async function start(setting: Setting): Promise<TlsProxy> {
    proxy = await TlsProxy.start(create(), { upstreamPorts: [upstream.port], ...setting });
    return proxy;
  }

  const counted = () => proxy!.proxy.tls.ofListener(proxy!.proxy.listeners.get('ingress')!.config);
  const mutual = () => downstreamTls({ identity: payment, validation: trust(ca.bundle, CART) });
  const as = ({ chain: cert, key }: Identity) => ({ cert, key, ca: ca.bundle });

  test('is served with the certificate of the right identity, which the log and the upstream hear of', async () => {
    const { port, ended, failures } = await start({ downstream: mutual() });
    expect(await askTls(port, as(cart))).toMatchObject({ status: 200, body: '/ https' });
    expect(failures).toEqual([]);
    expect(ended).toHaveLength(1);
    expect(ended[0].downstreamTls).toMatchObject({ version: 'TLSv1.3', peer: { uris: [CART], serial: cart.serial } });
    expect(counted()).toMatchObject({ handshake: 1, sessionReused: 0, failVerifySan: 0, connectionError: 0 });
  });

  test('is served through an intermediate authority that it shows itself', async () => {
    const { port } = await start({ downstream: mutual() });
    expect((await askTls(port, as(await middle.issue({ uris: [CART] })))).status).toBe(200);
  });

  test.each<[string, () => Promise<Identity | undefined>, Partial<Record<string, unknown>>, RegExp]>([
    ['of another identity', async () => ca.issue({ uris: ['spiffe://mesh/ns/shop/sa/mallory'] }), { kind: 'san' },
      /^the client is somebody else; expected uri spiffe:\/\/mesh\/ns\/shop\/sa\/cart; found spiffe:\/\/mesh\/ns\/shop\/sa\/mallory, serial [0-9A-F]+, issued by CN=mesh$/],
    ['of another authority', async () => elsewhere.issue({ uris: [CART] }), { kind: 'certificate' },
      /^the client's certificate comes from an authority that is not trusted: CN=elsewhere; expected uri spiffe:.*cart; found spiffe:.*cart/],
    ['that expired', async () => ca.issue({ uris: [CART], notBefore: -2 * HOUR, notAfter: -HOUR }), { kind: 'certificate' },
      /^the client's certificate expired at 20\d\d-\d\d-\d\dT[\d:.]+Z; expected uri spiffe:.*cart; found spiffe:.*cart/],
    ['that is not valid yet', async () => ca.issue({ uris: [CART], notBefore: HOUR }), { kind: 'certificate' },
      /^the client's certificate is not valid before 20\d\d-\d\d-\d\dT[\d:.]+Z; expected/],
    ['at all', async () => undefined, { kind: 'no_certificate' },
      /^the client has no certificate; expected uri spiffe:.*cart$/],
  ])('is refused without a certificate %s', async (_what, identity, kind, reason) => {
    const started = await start({ downstream: mutual() });
    const own = await identity();
    await expect(askTls(started.port, own ? as(own) : { ca: ca.bundle })).rejects.toThrow();
    await started.until(() => started.failures.length > 0);
    expect(started.failures[0]).toMatchObject({ side: 'downstream', name: 'ingress', ...kind });
    expect(started.failures[0].peer).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(started.failures[0].reason).toMatch(reason);
    expect(started.ended).toEqual([]);
  });

  test('is refused with a certificate that the authority has revoked; another of it is served', async () => {
    const crl = await ca.revoke(cart);
    const { port, failures } = await start({ downstream: downstreamTls({ identity: payment, validation: { ...trust(ca.bundle), crl } }) });
    await expect(askTls(port, as(cart))).rejects.toThrow();
    await proxy!.until(() => failures.length > 0);
    expect(failures[0]).toMatchObject({ kind: 'certificate' });
    expect(failures[0].reason).toContain(`serial ${cart.serial} is on the list of CN=mesh`);
    expect((await askTls(port, as(await ca.issue({ uris: [CART] })))).status).toBe(200);
  });

  test('may come without a certificate where none is required, but not with a bad one', async () => {
    const { port, failures } = await start({ downstream: { ...mutual(), requireClientCertificate: false } });
    expect((await askTls(port, { ca: ca.bundle })).status).toBe(200);
    await expect(askTls(port, as(await elsewhere.issue({ uris: [CART] })))).rejects.toThrow();
    await proxy!.until(() => failures.length > 0);
    expect(counted()).toMatchObject({ handshake: 1, noCertificate: 1, failVerifyError: 1 });
  });

  test.each<[string, SecureVersion]>([['TLS 1.1', 'TLSv1.1'], ['TLS 1.2, where 1.3 is the lowest', 'TLSv1.2']])('of %s is refused', async (_what, version) => {
    const minVersion = version === 'TLSv1.2' ? 'TLSv1.3' : 'TLSv1.2';
    const { port, failures } = await start({ downstream: { ...downstreamTls({ identity: payment }), minVersion } });
    await expect(askTls(port, { ca: ca.bundle, minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' })).rejects.toThrow();
    await proxy!.until(() => failures.length > 0);
    expect(failures[0]).toMatchObject({ kind: 'protocol' });
    expect(failures[0].reason).toContain(`the client speaks no version of TLS that this side does: ${minVersion === 'TLSv1.3' ? 'TLSv1.3' : 'TLSv1.2 to TLSv1.3'}`);
  });

  test('that speaks plain HTTP is told nothing, and the log says what it did', async () => {
    const { port, failures } = await start({ downstream: mutual() });
    await expect(ask(port, '/')).rejects.toThrow();
    await proxy!.until(() => failures.length > 0);
    expect(failures[0].reason).toContain('the client speaks plain HTTP, not TLS');
  });

  test('that goes away during the handshake is told from one that errs', async () => {
    const { port, failures } = await start({ downstream: mutual() });
    const socket = connect(port, '127.0.0.1');
    socket.end(Buffer.from('16030100', 'hex'));
    await proxy!.until(() => failures.length > 0);
    socket.destroy();
    expect(failures[0]).toMatchObject({ kind: 'closed', reason: expect.stringContaining('closed the connection during the handshake') as string });
  });

  test.each([[['h2'], 'h2'], [['http/1.1', 'h2'], 'h2'], [['http/1.1'], 'http/1.1'], [undefined, undefined]])('that offers %j by ALPN speaks %s', async (offered, agreed) => {
    const { port } = await start({ downstream: { ...downstreamTls({ identity: payment }), alpn: ['h2', 'http/1.1'] } });
    const socket = await handshake(port, { ca: ca.bundle, ALPNProtocols: offered });
    expect(socket.alpnProtocol || undefined).toBe(agreed);
    socket.destroy();
    if (agreed === 'h2') return;
    expect((await askTls(port, { ca: ca.bundle, ALPNProtocols: offered } as RequestOptions)).status).toBe(200);
  });

  test('that offers no protocol that is spoken here is refused (RFC 7301 §3.2)', async () => {
    const { port, failures } = await start({ downstream: { ...downstreamTls({ identity: payment }), alpn: ['h2'] } });
    await expect(handshake(port, { ca: ca.bundle, ALPNProtocols: ['spdy/3'] })).rejects.toThrow();
    await proxy!.until(() => failures.length > 0);
    expect(failures[0].reason).toContain('no application protocol (ALPN) in common; this side has h2');
  });

  test('is shown the certificate for the name that it asks for: exact, by wildcard, else the first', async () => {
    const wildcard = await ca.issue({ dns: ['*.shop.example'] });
    const exact = await ca.issue({ dns: ['cart.shop.example'] });
    const certificates = [payment, wildcard, exact].map((identity) => ({ value: certificateOf(identity) }));
    const { port, ended } = await start({ downstream: { ...downstreamTls({}), certificates } });
    const seen = async (servername?: string): Promise<string> => {
      const socket = await handshake(port, { ca: ca.bundle, servername: servername ?? '' });
      const { serialNumber } = socket.getPeerX509Certificate()!;
      socket.destroy();
      return serialNumber;
    };
    expect(await seen('cart.shop.example')).toBe(exact.serial);
    expect(await seen('other.shop.example')).toBe(wildcard.serial);
    expect(await seen('a.b.shop.example')).toBe(payment.serial);
    expect(await seen()).toBe(payment.serial);
    expect((await askTls(port, { ca: ca.bundle, servername: 'cart.shop.example' })).status).toBe(200);
    expect(ended[0].downstreamTls!.serverName).toBe('cart.shop.example');
  });

  test('that names no server is refused where require_sni is set', async () => {
    const { port, failures } = await start({ downstream: { ...downstreamTls({ identity: payment }), requireSni: true } });
    const socket = await handshake(port, { ca: ca.bundle, servername: '', maxVersion: 'TLSv1.2' }).catch(() => undefined);
    await proxy!.until(() => failures.length > 0);
    socket?.destroy();
    expect(failures[0].reason).toContain('names no server (SNI)');
    expect((await askTls(port, { ca: ca.bundle, servername: 'payment.shop' })).status).toBe(200);
  });

  test('cannot have TLS 1.2 negotiated again on an open connection', async () => {
    const { port } = await start({ downstream: downstreamTls({ identity: payment }) });
    const socket = await handshake(port, { ca: ca.bundle, maxVersion: 'TLSv1.2' });
    const outcome = await new Promise<string>((resolve) => {
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      socket.renegotiate({}, (error) => { if (error === null) resolve('renegotiated'); else resolve((error as NodeJS.ErrnoException).code ?? error.message); });
    });
    socket.destroy();
    expect(outcome).toMatch(/NO_RENEGOTIATION|ECONNRESET/);
  });
});
