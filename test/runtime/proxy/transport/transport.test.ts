import { systemClock } from '../../../../runtime/clock';
import {
  chooseTransport, createPortableTransport, createRawTransport, selfTest, READ_OFFSET, type Acceptor, type CloseReason, type Connection,
  type ConnectionHandler, type Transport,
} from '../../../../runtime/proxy/transport';

/** Turns a connection's events into promises. */
class Probe implements ConnectionHandler {
  connection!: Connection;
  readonly chunks: Buffer[] = [];
  ended = false;
  drains = 0;
  reason: CloseReason | undefined;
  private waiting: { test: () => boolean; resolve: () => void }[] = [];
  constructor(private readonly transport: Transport) {}
  connected = false;
  onConnect(): void { this.connected = true; this.settle(); }
  onData(length: number): void {
    this.chunks.push(Buffer.from(this.transport.input.subarray(READ_OFFSET, READ_OFFSET + length)));
    this.settle();
  }
  onEnd(): void { this.ended = true; this.settle(); }
  onDrain(): void { this.drains++; this.settle(); }
  onClosed(reason: CloseReason): void { this.reason = reason; this.settle(); }
  get text(): string { return Buffer.concat(this.chunks).toString('latin1'); }
  get length(): number { return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0); }
  async until(test: () => boolean): Promise<void> {
    if (test()) return;
    await new Promise<void>((resolve) => this.waiting.push({ test, resolve }));
  }
  private settle(): void {
    this.waiting = this.waiting.filter(({ test, resolve }) => {
      if (!test()) return true;
      resolve();
      return false;
    });
  }
}

test('the raw transport passes its self-test here, and is chosen', async () => {
  const { transport, reason } = await chooseTransport(systemClock);
  expect(reason).toBeUndefined();
  expect(transport.name).toBe('raw');
});

describe.each([['raw', createRawTransport], ['portable', createPortableTransport]])('%s transport', (_name, create) => {
  const transport = create();
  let acceptor: Acceptor;
  let open: Connection[] = [];
  let accepted: (probe: Probe) => void;
  let nextAccepted: Promise<Probe>;

  beforeEach(async () => {
    nextAccepted = new Promise((resolve) => (accepted = resolve));
    acceptor = await transport.listen({ address: '127.0.0.1', port: 0 }, (connection) => {
      const probe = new Probe(transport);
      probe.connection = connection;
      connection.handler = probe;
      open.push(connection);
      accepted(probe);
    });
  });

  afterEach(async () => {
    for (const connection of open) connection.close();
    open = [];
    await acceptor.close();
  });

  async function pair(): Promise<[Probe, Probe]> {
    const client = new Probe(transport);
    client.connection = transport.connect('127.0.0.1', acceptor.port, client);
    open.push(client.connection);
    await client.until(() => client.connected);
    return [client, await nextAccepted];
  }

  test('passes its own self-test', async () => {
    await expect(selfTest(transport, systemClock)).resolves.toBeUndefined();
  });

  test('carries bytes both ways and knows the peer', async () => {
    const [client, server] = await pair();
    client.connection.write(Buffer.from('xhello'), 1, 6);
    await server.until(() => server.length === 5);
    expect(server.text).toBe('hello');
    expect(server.connection.peerAddress).toBe('127.0.0.1');
    transport.output.write('world', 0, 'latin1');
    server.connection.flush(5);
    await client.until(() => client.length === 5);
    expect(client.text).toBe('world');
    expect(client.connection.peerPort).toBe(acceptor.port);
    expect(server.connection.peerPort).toBeGreaterThan(0);
  });

  test('a write that waits keeps its bytes, whatever is composed or read meanwhile, and says when it went out', async () => {
    const [client, server] = await pair();
    server.connection.readStop();
    let sent = 0;
    let taken = true;
    for (let round = 0; taken || round % 3 !== 0; round++) {
      transport.output.fill(97 + (round % 26), 0, 60_000);
      taken = client.connection.flush(60_000);
      sent += 60_000;
    }
    expect(client.connection.pendingBytes).toBeGreaterThan(0);
    transport.output.fill(0);
    server.connection.readStart();
    await server.until(() => server.length === sent);
    await client.until(() => client.drains > 0);
    expect(client.connection.pendingBytes).toBe(0);
    const all = Buffer.concat(server.chunks);
    for (let at = 0; at < sent; at += 60_000) {
      expect(all.subarray(at, at + 60_000).equals(Buffer.alloc(60_000, 97 + ((at / 60_000) % 26)))).toBe(true);
    }
  });

  test('stable bytes are sent as they are, also when they wait', async () => {
    const [client, server] = await pair();
    server.connection.readStop();
    const bytes = Buffer.alloc(100_000, 'abc');
    let sent = 0;
    while (client.connection.writeStable(bytes, 99_999)) sent += 99_999;
    sent += 99_999;
    client.connection.write(Buffer.from('end'), 0, 3);
    server.connection.readStart();
    await server.until(() => server.length === sent + 3);
    await client.until(() => client.drains > 0);
    expect(server.text).toBe('abc'.repeat(sent / 3) + 'end');
  });

  test('a reader that has stopped gets nothing until it starts again', async () => {
    const [client, server] = await pair();
    client.connection.write(Buffer.from('a'), 0, 1);
    await server.until(() => server.length === 1);
    server.connection.readStop();
    client.connection.write(Buffer.from('b'), 0, 1);
    // A round trip in the other direction: what was sent before has arrived in the kernel by then.
    server.connection.write(Buffer.from('x'), 0, 1);
    await client.until(() => client.length === 1);
    expect(server.text).toBe('a');
    server.connection.readStart();
    await server.until(() => server.length === 2);
    expect(server.text).toBe('ab');
  });

  test('nor does it hear the end', async () => {
    const [client, server] = await pair();
    client.connection.write(Buffer.from('a'), 0, 1);
    await server.until(() => server.length === 1);
    server.connection.readStop();
    client.connection.shutdown();
    server.connection.write(Buffer.from('x'), 0, 1);
    await client.until(() => client.length === 1);
    expect(server.ended).toBe(false);
    server.connection.readStart();
    await server.until(() => server.ended);
  });

  test('half-close: the peer hears the end and may still answer', async () => {
    const [client, server] = await pair();
    client.connection.write(Buffer.from('q'), 0, 1);
    client.connection.shutdown();
    await server.until(() => server.ended);
    expect(server.text).toBe('q');
    server.connection.write(Buffer.from('answer'), 0, 6);
    server.connection.end();
    await client.until(() => client.ended);
    expect(client.text).toBe('answer');
  });

  test('end sends all that waits before it closes', async () => {
    const [client, server] = await pair();
    server.connection.readStop();
    const big = Buffer.alloc(8 * 1024 * 1024, 1);
    expect(client.connection.write(big, 0, big.length)).toBe(false);
    client.connection.end();
    server.connection.readStart();
    await server.until(() => server.ended);
    expect(server.length).toBe(big.length);
    expect(client.connection.closed).toBe(true);
    expect(client.reason).toBeUndefined();
  });

  test('a reset is told apart from an end', async () => {
    const [client, server] = await pair();
    client.connection.reset();
    await server.until(() => server.reason !== undefined);
    expect(server.reason).toBe('reset');
    expect(server.ended).toBe(false);
    expect(server.connection.closed).toBe(true);
  });

  test('nothing is told after closing, and every call is harmless', async () => {
    const [client, server] = await pair();
    client.connection.write(Buffer.from('x'), 0, 1);
    client.connection.close();
    client.connection.close();
    expect(client.connection.write(Buffer.from('x'), 0, 1)).toBe(true);
    client.connection.readStart();
    client.connection.readStop();
    client.connection.shutdown();
    client.connection.reset();
    client.connection.end();
    await server.until(() => server.ended);
    expect(client.reason).toBeUndefined();
    expect(client.ended).toBe(false);
  });

  test('connecting to where nobody listens fails as such', async () => {
    const closed = await transport.listen({ address: '127.0.0.1', port: 0 }, () => {});
    await closed.close();
    const client = new Probe(transport);
    client.connection = transport.connect('127.0.0.1', closed.port, client);
    await client.until(() => client.reason !== undefined);
    expect(client.reason).toBe('connect_failed');
  });

  test('writing to a peer that has reset ends in onClosed, never in a throw', async () => {
    const [client, server] = await pair();
    server.connection.readStop();
    client.connection.reset();
    const big = Buffer.alloc(1024 * 1024);
    for (let i = 0; i < 8; i++) server.connection.write(big, 0, big.length);
    server.connection.readStart();
    await server.until(() => server.reason !== undefined);
    expect(server.reason).toBe('reset');
  });

  test('an address in use is refused with its error, and is free once closed', async () => {
    const options = { address: '127.0.0.1', port: acceptor.port };
    await expect(transport.listen(options, () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await acceptor.close();
    const again = await transport.listen(options, () => {});
    expect(again.port).toBe(options.port);
    await again.close();
  });

  test('IPv6', async () => {
    const v6 = await transport.listen({ address: '::1', port: 0 }, (connection) => {
      const probe = new Probe(transport);
      probe.connection = connection;
      connection.handler = probe;
      open.push(connection);
      accepted(probe);
    });
    const client = new Probe(transport);
    client.connection = transport.connect('::1', v6.port, client);
    open.push(client.connection);
    const server = await nextAccepted;
    expect(server.connection.peerAddress).toBe('::1');
    await v6.close();
  });
});
