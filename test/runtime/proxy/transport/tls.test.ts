import { randomBytes } from 'node:crypto';
import { systemClock } from '../../../../runtime/clock';
import { ClientTlsContext } from '../../../../runtime/proxy/tls/client';
import { ServerTlsContext } from '../../../../runtime/proxy/tls/server';
import {
  chooseTls, createPortableTransport, createRawTransport, selfTest, selfTestTls, type Acceptor, type Transport,
} from '../../../../runtime/proxy/transport';
import { Authority, type Identity } from '../support/pki';
import { downstreamTls, trust, upstreamTls } from '../support/tls';
import { Probe } from './probe';

const ticketSecret = randomBytes(32);
const PAYMENT = 'spiffe://mesh/ns/shop/sa/payment';
const CART = 'spiffe://mesh/ns/shop/sa/cart';

let ca: Authority;

let payment: Identity;
let cart: Identity;

beforeAll(async () => {
  ca = await Authority.create('mesh');
  payment = await ca.issue({ uris: [PAYMENT], dns: ['payment.shop'] });
  cart = await ca.issue({ uris: [CART] });
});

function portableOnRaw(): Transport {
  const transport = createRawTransport();
  transport.tlsBackend = 'portable';
  return transport;
}

describe.each([
  ['raw', createRawTransport], ['portable', createPortableTransport], ['portable TLS on raw', portableOnRaw],
] as const)('%s', (_name, create) => {
  const transport = create();
  let acceptor: Acceptor | undefined;
  let probes: Probe[] = [];

  afterEach(async () => {
    for (const probe of probes) probe.connection.close();
    probes = [];
    await acceptor?.close();
    acceptor = undefined;
  });

  const server = (config: Parameters<typeof downstreamTls>[0]) =>
    new ServerTlsContext(downstreamTls(config), new Map(), { clock: systemClock, ticketSecret: () => ticketSecret });
  const client = (config: Parameters<typeof upstreamTls>[0]) => new ClientTlsContext(upstreamTls(config), new Map(), systemClock);

  async function listen(context: ServerTlsContext): Promise<{ accepted: () => Promise<Probe>; port: number }> {
    const waiting: ((probe: Probe) => void)[] = [];
    const ready: Probe[] = [];
    acceptor = await transport.listen({ address: '127.0.0.1', port: 0 }, (connection) => {
      const probe = new Probe(transport);
      probe.connection = transport.secure(connection, context, probe);
      probes.push(probe);
      const next = waiting.shift();
      if (next) next(probe);
      else ready.push(probe);
    });
    const { port } = acceptor;
    return { port, accepted: async () => ready.shift() ?? new Promise<Probe>((resolve) => waiting.push(resolve)) };
  }

  function connect(port: number, context: ClientTlsContext): Probe {
    const probe = new Probe(transport);
    probe.connection = transport.connect('127.0.0.1', port, probe, context.to(`127.0.0.1:${port}`));
    probes.push(probe);
    return probe;
  }

  async function both(serverContext: ServerTlsContext, clientContext: ClientTlsContext): Promise<{ at: Probe; from: Probe }> {
    const { port, accepted } = await listen(serverContext);
    const from = connect(port, clientContext);
    const at = await accepted();
    return { at, from };
  }

  test('mutual TLS: each side knows the other by its SPIFFE ID, and bytes pass both ways', async () => {
    const { at, from } = await both(
      server({ identity: payment, validation: trust(ca.bundle, CART), alpn: ['h2', 'http/1.1'] }),
      client({ identity: cart, validation: trust(ca.bundle, PAYMENT), alpn: ['http/1.1'], sni: 'payment.shop' }),
    );
    await from.until(() => from.connected || from.reason !== undefined);
    expect([from.connection.failure, from.reason]).toEqual([undefined, undefined]);
    expect(from.connection.tls).toMatchObject({ version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', alpn: 'http/1.1', reused: false });
    expect(from.connection.tls!.peer).toMatchObject({ uris: [PAYMENT], dnsNames: ['payment.shop'], serial: payment.serial, issuer: 'CN=mesh' });
    await at.until(() => at.connected);
    expect(at.connection.tls).toMatchObject({ serverName: 'payment.shop', alpn: 'http/1.1' });
    expect(at.connection.tls!.peer!.uris).toEqual([CART]);

    from.connection.write(Buffer.from('ping'), 0, 4);
    await at.until(() => at.text === 'ping');
    at.connection.write(Buffer.from('pong'), 0, 4);
    at.connection.write(Buffer.from('pong'), 0, 4);
    at.connection.shutdown();
    await from.until(() => from.ended);
    expect(from.text).toBe('pongpong');
    from.connection.write(Buffer.from('still'), 0, 5);
    from.connection.end();
    await at.until(() => at.ended);
    expect(at.text).toBe('pingstill');
  });

  test('a connection that turns out to be broken by a write says so later, never from within the write', async () => {
    const { at, from } = await both(server({ identity: payment }), client({ validation: trust(ca.bundle) }));
    await from.until(() => from.connected);
    await at.until(() => at.connected);
    const bytes = randomBytes(64 * 1024);
    for (let round = 0; round < 2; round++) {
      // The peer's reset is there at once: the first write meets it within the call.
      if (round === 0) from.connection.reset();
      at.connection.write(bytes, 0, bytes.length);
      expect(at.reason).toBeUndefined();
    }
    await at.until(() => at.reason !== undefined);
    expect(at.reason).toBe('reset');
    expect(at.connection.closed).toBe(true);
  });

  test('a body larger than all buffers comes whole, in order, through a reader that stands still for a while', async () => {
    const { at, from } = await both(server({ identity: payment }), client({ validation: trust(ca.bundle) }));
    await from.until(() => from.connected);
    await at.until(() => at.connected);
    const body = randomBytes(3 * 1024 * 1024 + 17);
    from.connection.readStop();
    let sent = 0;
    let stalls = 0;
    const produce = (): void => {
      while (sent < body.length) {
        const end = Math.min(body.length, sent + 50_000);
        const taken = at.connection.write(body, sent, end);
        sent = end;
        if (taken) continue;
        stalls++;
        return;
      }
      at.connection.end();
    };
    at.onDrain = produce;
    produce();
    from.connection.readStart();
    await from.until(() => from.ended || from.reason !== undefined);
    expect(stalls).toBeGreaterThan(0);
    expect(Buffer.concat(from.chunks).equals(body)).toBe(true);
  });

  test('the TLS starts with bytes that were read already', async () => {
    const context = server({ identity: payment });
    let secured: Probe | undefined;
    acceptor = await transport.listen({ address: '127.0.0.1', port: 0 }, (connection) => {
      const inspector = new Probe(transport);
      inspector.onData = (length) => {
        const first = Buffer.from(transport.input.subarray(128 * 1024, 128 * 1024 + length));
        secured = new Probe(transport);
        const made = transport.secure(connection, context, secured);
        secured.connection = made;
        made.receive(first);
        probes.push(secured);
      };
      connection.handler = inspector;
    });
    const from = connect(acceptor.port, client({ validation: trust(ca.bundle) }));
    await from.until(() => from.connected || from.reason !== undefined);
    expect([from.connection.failure, from.reason]).toEqual([undefined, undefined]);
    from.connection.write(Buffer.from('hello'), 0, 5);
    await secured!.until(() => secured!.text === 'hello');
  });

  test('a session is resumed, and the resumed peer is judged again', async () => {
    const { port, accepted } = await listen(server({ identity: payment, validation: trust(ca.bundle, CART) }));
    const context = client({ identity: cart, validation: trust(ca.bundle, PAYMENT) });
    const reused: boolean[] = [];
    for (let round = 0; round < 2; round++) {
      const from = connect(port, context);
      const at = await accepted();
      await at.until(() => at.connected);
      // The ticket comes before this.
      at.connection.write(Buffer.from('x'), 0, 1);
      await from.until(() => from.length === 1);
      reused.push(at.connection.tls!.reused);
      expect(from.connection.tls!.reused).toBe(at.connection.tls!.reused);
      expect(at.connection.tls!.peer!.uris).toEqual([CART]);
      expect(from.connection.tls!.peer!.uris).toEqual([PAYMENT]);
      from.connection.close();
      await at.until(() => at.ended || at.reason !== undefined);
    }
    expect(reused).toEqual([false, true]);
  });
});

test.each([
  ['raw', createRawTransport], ['portable', createPortableTransport], ['portable TLS on raw', portableOnRaw],
] as const)('TLS passes its self-test: %s', async (_name, create) => {
  await expect(selfTest(create(), systemClock, selfTestTls())).resolves.toBeUndefined();
});

test('raw TLS that is found wanting is given up for the portable one, and the reason told', async () => {
  const transport = createRawTransport();
  expect(await chooseTls(transport, systemClock)).toBeUndefined();
  expect(transport.tlsBackend).toBe('raw');
  const broken = createRawTransport();
  Object.defineProperty(broken, 'tls', { get: () => { throw new Error('no such binding'); } });
  expect(await chooseTls(broken, systemClock)).toBe('no such binding');
  expect(broken.tlsBackend).toBe('portable');
  await expect(selfTest(broken, systemClock, selfTestTls())).resolves.toBeUndefined();
});
