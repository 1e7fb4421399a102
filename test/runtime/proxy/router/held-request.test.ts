import { HELD, type FilterRequest, type HeldRequest, type HttpFilter, type LocalReply } from '../../../../runtime/proxy/filter/types';
import { FrameType } from '../../../../runtime/proxy/http2/protocol';
import { actionConfig, routeConfig } from '../support/config';
import { OK_BLOCK, POST, SETTINGS, SETTINGS_ACK, START, frame, framesOf, get, nextRound, uint32 } from '../support/frames';
import { GET, Harness, OK, parseAnswer, type HarnessOptions } from '../support/harness';
import type { MemoryConnection } from '../support/memory-transport';

const REPLY: LocalReply = { status: 403, flag: 'UAEX', detail: 'no_token', problem: 'forbidden', title: 'No', policy: 'authentication' };
const HTTP2 = { http2: { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 1024 * 1024 } };

/** Holds every request until the test lets it go, or for a time. */
class Holding implements HttpFilter {
  readonly name = 'holding';
  readonly held: HeldRequest[] = [];
  gone: string[] = [];
  delayed: string[] = [];
  constructor(private readonly time = 0, private readonly reply?: LocalReply) {}

  onRequest(request: FilterRequest): typeof HELD {
    if (this.time > 0) return request.delay(this.time);
    this.held.push(request.hold());
    return HELD;
  }

  onDelayed(request: FilterRequest): LocalReply | undefined {
    this.delayed.push(request.path);
    return this.reply;
  }

  onGone(request: FilterRequest): void {
    this.gone.push(request.path);
  }
}

/** Counts whom it sees, and lets them pass. */
class Counting implements HttpFilter {
  readonly name = 'counting';
  seen = 0;

  onRequest(): undefined {
    this.seen++;
  }
}

let harness: Harness;
let holding: Holding;
let behind: Counting;

async function start(options: HarnessOptions = {}, filter = new Holding()): Promise<void> {
  harness = await Harness.start(options);
  holding = filter;
  behind = new Counting();
  harness.manager.tables = { ...harness.manager.tables, filters: [holding, behind] };
}

function letGo(at = 0, reply?: LocalReply): void {
  holding.held[at].proceed(reply);
  harness.transport.settle();
}

afterEach(async () => {
  expect(harness.manager.stats.rqActive).toBe(0);
  await harness.close();
  expect(harness.clock.timers).toBe(0);
});

describe('HTTP/1.1', () => {
  test('nothing goes upstream, no filter behind is asked, and the next request waits, until it goes on', async () => {
    await start();
    const client = harness.send(`${GET}GET /next HTTP/1.1\r\nhost: shop\r\n\r\n`);
    expect([harness.transport.connected.length, behind.seen, holding.held.length]).toEqual([0, 0, 1]);
    expect(holding.held[0].request!.path).toBe('/');
    letGo();
    expect([behind.seen, holding.held[0].request]).toEqual([1, undefined]);
    harness.reply(OK);
    letGo(1);
    harness.reply(OK);
    expect(client.received.match(/200 OK/g)).toHaveLength(2);
    expect(harness.seen.map(({ path, status }) => [path, status])).toEqual([['/', 200], ['/next', 200]]);
  });

  test('what has come of the body goes with it, the rest is not read meanwhile', async () => {
    await start();
    const client = harness.send('POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 10\r\n\r\nabc');
    client.deliver('defg');
    harness.transport.settle();
    expect([client.reading, client.heldBytes]).toEqual([false, 4]);
    expect(harness.listener.bufferedBytes).toBeGreaterThanOrEqual(3);
    letGo();
    client.deliver('hij');
    harness.transport.settle();
    expect(harness.transport.last.received.endsWith('\r\n\r\nabcdefghij')).toBe(true);
    harness.reply(OK);
    expect(harness.seen).toMatchObject([{ status: 200, bytesReceived: expect.any(Number) }]);
  });

  test('a chunked body with trailers, cut at every byte', async () => {
    for (let cut = 1; cut < 40; cut += 3) {
      await start();
      const client = harness.client();
      client.deliver('POST / HTTP/1.1\r\nhost: shop\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nx-sum: 7\r\n\r\n', cut);
      harness.transport.settle();
      letGo();
      expect(harness.transport.last.received).toMatch(/\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nx-sum: 7\r\n\r\n$/);
      harness.reply(OK);
      expect(harness.seen[0].status).toBe(200);
      await harness.close();
    }
  });

  test('bytes that come although nobody reads are kept, as from a TLS record that held them already', async () => {
    await start();
    const client = harness.send('POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 6\r\n\r\nabc');
    client.reading = true;
    client.deliver('def');
    letGo();
    expect(harness.transport.last.received.endsWith('\r\n\r\nabcdef')).toBe(true);
    harness.reply(OK);
  });

  test('the filter may answer it; a request that is whole keeps its connection', async () => {
    await start();
    const client = harness.send(GET);
    letGo(0, REPLY);
    expect(parseAnswer(client.takeReceived())).toMatchObject({ status: 403 });
    expect([behind.seen, client.closed, harness.transport.connected.length]).toEqual([0, false, 0]);
    harness.send('POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 9\r\n\r\nabc', client);
    letGo(1, REPLY);
    expect(parseAnswer(client.received)).toMatchObject({ status: 403, headers: { connection: 'close' } });
    expect(harness.seen).toMatchObject([{ status: 403, flag: 'UAEX', detail: 'no_token' }, { status: 403 }]);
    client.deliverEnd();
  });

  test('a client that goes away is nobody\'s any more: its filter hears of it, letting it go does nothing', async () => {
    await start();
    harness.send(GET).deliverReset();
    expect(holding.gone).toEqual(['/']);
    expect([holding.held[0].request, harness.seen[0].flag]).toEqual([undefined, 'DC']);
    const other = harness.send(GET);
    letGo(0, REPLY);
    expect([other.received, harness.transport.connected.length]).toEqual(['', 0]);
    letGo(1);
    harness.reply(OK);
    expect(harness.seen[1].status).toBe(200);
  });

  test('a delay is of its time, on the wheel, and what the filter says then ends it', async () => {
    await start({}, new Holding(250));
    harness.send(GET);
    harness.advance(249);
    expect(holding.delayed).toEqual([]);
    expect(harness.clock.timers).toBe(1);
    harness.advance(1);
    expect([holding.delayed, behind.seen]).toEqual([['/'], 1]);
    harness.reply(OK);
    expect(harness.seen[0]).toMatchObject({ status: 200, start: 0, end: 250 });
    await harness.close();

    await start({}, new Holding(250, REPLY));
    const refused = harness.send(GET);
    harness.advance(250);
    expect(parseAnswer(refused.received).status).toBe(403);
    const gone = harness.send(GET);
    harness.advance(100);
    gone.deliverReset();
    harness.advance(1000);
    expect([holding.gone, holding.delayed.length]).toEqual([['/'], 1]);
  });

  test('the route\'s timeout begins when it goes on; the longest duration and the idle timeout run', async () => {
    await start({ routes: [routeConfig(actionConfig({ timeout: 1000 }))] }, new Holding(5000));
    harness.send(GET);
    harness.advance(5000);
    harness.advance(999);
    expect(harness.seen).toEqual([]);
    harness.advance(1);
    expect(harness.seen[0]).toMatchObject({ status: 504, flag: 'UT,DI', end: 6000 });
    await harness.close();

    const maxDuration = { duration: 3000, grpcTimeoutMax: undefined, grpcTimeoutOffset: 0 };
    await start({ routes: [routeConfig(actionConfig({ maxDuration }))] }, new Holding(2000));
    harness.send(GET);
    harness.advance(2000);
    harness.advance(999);
    expect(harness.seen).toEqual([]);
    harness.advance(1);
    expect(harness.seen[0]).toMatchObject({ status: 504, end: 3000 });
    await harness.close();

    await start({ routes: [routeConfig(actionConfig({ maxDuration }))] }, new Holding(9000));
    harness.send(GET);
    harness.advance(3000);
    expect(harness.seen[0]).toMatchObject({ status: 504, end: 3000 });
    expect(holding.gone).toEqual(['/']);
    await harness.close();

    await start({ listener: { streamIdleTimeout: 700 } });
    const whole = harness.send(GET);
    harness.send('POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 9\r\n\r\nabc');
    harness.advance(700);
    expect(harness.seen.map(({ status }) => status)).toEqual([504, 408]);
    expect(parseAnswer(whole.received).status).toBe(504);
    harness.advance(1000);
  });

  test('a grpc-timeout is of the call, however long it was held', async () => {
    const maxDuration = { duration: 0, grpcTimeoutMax: 0, grpcTimeoutOffset: 0 };
    await start({ routes: [routeConfig(actionConfig({ maxDuration }))] }, new Holding(400));
    harness.send('POST /a.B/C HTTP/1.1\r\nhost: shop\r\ncontent-type: application/grpc\r\ngrpc-timeout: 1S\r\ncontent-length: 0\r\n\r\n');
    harness.advance(400);
    expect(Number(/grpc-timeout: *(\d+)m/i.exec(harness.transport.last.received)?.[1])).toBe(600);
    harness.advance(600);
    expect(harness.seen[0]).toMatchObject({ end: 1000 });
  });

  test('bytes that come ahead of a tunnel wait for it', async () => {
    await start();
    const client = harness.send('GET / HTTP/1.1\r\nhost: shop\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nahead');
    letGo();
    harness.reply('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    expect(harness.transport.last.received.endsWith('\r\n\r\nahead')).toBe(true);
    client.deliverReset();
  });

  test('a new configuration meanwhile: the request goes on with the filters that it began with', async () => {
    await start();
    harness.send(GET);
    const before = behind;
    harness.manager.tables = { ...harness.manager.tables, filters: [] };
    letGo();
    expect(before.seen).toBe(1);
    harness.reply(OK);
    expect(harness.seen[0].status).toBe(200);
  });

  test('letting it go before onRequest has returned is the filter\'s mistake, and says so', async () => {
    await start();
    const filter: HttpFilter = { name: 'hasty', onRequest: (request) => { request.hold().proceed(); return HELD; } };
    harness.manager.tables = { ...harness.manager.tables, filters: [filter] };
    const client = harness.client();
    expect(() => client.deliver(GET)).toThrow('by what its onRequest returns');
    client.deliverReset();
  });
});

describe('HTTP/2', () => {
  const post = (id: number, endStream = false) => frame(FrameType.Headers, endStream ? 5 : 4, id, POST);
  const data = (id: number, text: string, endStream = false) => frame(FrameType.Data, endStream ? 1 : 0, id, text);
  /** `x-sum: 7`, never to be indexed. */
  const TRAILER = Buffer.concat([Buffer.from([0x10, 5]), Buffer.from('x-sum'), Buffer.from([1]), Buffer.from('7')]);

  async function deliver(client: MemoryConnection, ...frames: readonly Buffer[]): Promise<void> {
    client.deliver(Buffer.concat([...frames]));
    harness.transport.settle();
    await nextRound();
    harness.transport.settle();
  }

  const credited = (client: MemoryConnection, id: number) =>
    framesOf(client).filter((f) => f.type === FrameType.WindowUpdate && f.id === id).reduce((sum, { payload }) => sum + payload.readUInt32BE(), 0);

  test('to HTTP/1.1: head, DATA and trailers that came meanwhile follow in order, other streams pass by', async () => {
    await start();
    const client = harness.client();
    await deliver(client, START, SETTINGS_ACK, post(1), data(1, 'abc'), data(1, 'defg'));
    await deliver(client, frame(FrameType.Headers, 5, 1, TRAILER), get(3));
    expect(harness.transport.connected).toHaveLength(0);
    expect(harness.listener.bufferedBytes).toBeGreaterThanOrEqual(7);
    letGo(1);
    harness.reply(OK);
    letGo(0);
    expect(harness.transport.last.received).toMatch(/\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nx-sum: 7\r\n\r\n$/);
    harness.reply(OK);
    await nextRound();
    expect(harness.seen.map(({ status, method }) => [method, status])).toEqual([['GET', 200], ['POST', 200]]);
    expect(framesOf(client).filter((f) => f.type === FrameType.Data && (f.flags & 1) === 1).map(({ id }) => id)).toEqual([3, 1]);
  });

  test('to HTTP/2: fields go on in the form that they came in, and so do trailers', async () => {
    await start({ cluster: HTTP2 });
    const client = harness.client();
    const secret = Buffer.concat([Buffer.from([0x10, 5]), Buffer.from('x-key'), Buffer.from([3]), Buffer.from('abc')]);
    await deliver(client, START, SETTINGS_ACK, frame(FrameType.Headers, 4, 1, Buffer.concat([POST, secret])));
    await deliver(client, data(1, 'abc'), frame(FrameType.Headers, 5, 1, TRAILER));
    letGo();
    await nextRound();
    harness.transport.settle();
    const upstream = harness.transport.last;
    await deliver(upstream, SETTINGS, SETTINGS_ACK);
    const [head, ...rest] = framesOf(upstream).filter(({ id }) => id === 1);
    expect(head.payload.includes(secret)).toBe(true);
    const message = rest.filter(({ type }) => type !== FrameType.WindowUpdate);
    expect(message.map(({ type, flags }) => [type, flags & 1])).toEqual([[FrameType.Data, 0], [FrameType.Headers, 1]]);
    expect(rest.find(({ type }) => type === FrameType.Headers)!.payload.equals(TRAILER)).toBe(true);
    await deliver(upstream, frame(FrameType.Headers, 5, 1, OK_BLOCK));
    await nextRound();
    expect(harness.seen[0].status).toBe(200);
  });

  test('a body that ends meanwhile, by its length and by an empty frame', async () => {
    for (const cluster of [{}, HTTP2]) {
      await start({ cluster });
      const client = harness.client();
      const sized = Buffer.concat([POST, Buffer.from([0x0f, 0x0d, 1, 0x33])]);
      await deliver(client, START, SETTINGS_ACK, frame(FrameType.Headers, 4, 1, sized), data(1, 'abc'), data(1, '', true));
      letGo();
      await nextRound();
      harness.transport.settle();
      const upstream = harness.transport.last;
      if (cluster === HTTP2) {
        await deliver(upstream, SETTINGS, SETTINGS_ACK);
        expect(framesOf(upstream).filter(({ type }) => type === FrameType.Data).map(({ payload }) => payload.toString()).join('')).toBe('abc');
        await deliver(upstream, frame(FrameType.Headers, 5, 1, OK_BLOCK));
      } else {
        expect(upstream.received).toMatch(/content-length: 3\r\n[^]*\r\n\r\nabc$/);
        harness.reply(OK);
      }
      await nextRound();
      expect(harness.seen[0]).toMatchObject({ status: 200 });
      expect(harness.proxy.router.reading).toBe(false);
      await harness.close();
    }
  });

  test('what is kept is bounded by the stream\'s window, which is given back once somebody takes the body', async () => {
    await start({ listener: { http2: { maxConcurrentStreams: 100, initialStreamWindow: 65_535, connectionWindow: 1024 * 1024 } } });
    const client = harness.client();
    await deliver(client, START, SETTINGS_ACK, post(1));
    const before = credited(client, 1);
    for (let i = 0; i < 4; i++) await deliver(client, data(1, 'x'.repeat(i === 3 ? 16_383 : 16_384)));
    expect(credited(client, 1)).toBe(before);
    expect(harness.listener.bufferedBytes).toBeGreaterThanOrEqual(65_535);
    letGo();
    await nextRound();
    expect(credited(client, 1)).toBeGreaterThanOrEqual(32_768);
    expect(harness.transport.last.received.length).toBeGreaterThan(65_535);
    await deliver(client, data(1, 'end', true));
    harness.reply(OK);
    await nextRound();
    expect(harness.seen[0]).toMatchObject({ status: 200 });
  });

  test('a stream that is reset, an answer of the filter, and a timeout leave nothing behind, and the connection\'s window is whole', async () => {
    await start({ listener: { streamIdleTimeout: 700 } });
    const client = harness.client();
    await deliver(client, START, SETTINGS_ACK, post(1), data(1, 'x'.repeat(10_000)), frame(FrameType.RstStream, 0, 1, uint32(8)));
    expect(holding.gone).toEqual(['/']);
    await deliver(client, post(3), data(3, 'x'.repeat(10_000)));
    letGo(1, REPLY);
    await deliver(client, post(5), data(5, 'x'.repeat(10_000), true));
    harness.advance(700);
    await nextRound();
    expect(harness.seen.map(({ status, flag }) => [status, flag])).toEqual([[0, 'DC'], [403, 'UAEX'], [504, expect.any(String)]]);
    expect(harness.listener.bufferedBytes).toBe(0);
    await deliver(client, get(7));
    letGo(3);
    harness.reply(OK);
    expect(harness.seen[3].status).toBe(200);
  });
});
