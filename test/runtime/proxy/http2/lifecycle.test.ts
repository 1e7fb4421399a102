import { ErrorCode, FrameType } from '../../../../runtime/proxy/http2/protocol';
import { actionConfig, retryConfig, routeConfig } from '../support/config';
import { GET, OK_BLOCK, POST, SETTINGS, SETTINGS_ACK, START, frame, framesOf, get, nextRound, uint32 } from '../support/frames';
import { Harness, type HarnessOptions } from '../support/harness';
import type { MemoryConnection } from '../support/memory-transport';

const LIMITS = { maxConcurrentStreams: 1000, initialStreamWindow: 65_536, connectionWindow: 1024 * 1024 };

let harness: Harness;
afterEach(async () => harness.close());

async function start(options: HarnessOptions = {}): Promise<void> {
  harness = await Harness.start(options);
}

async function deliver(connection: MemoryConnection, ...bytes: Buffer[]): Promise<void> {
  connection.deliver(Buffer.concat(bytes));
  harness.transport.settle();
  await nextRound();
  harness.transport.settle();
}

/** A client that has asked, and the proxy's connection to its upstream, both of HTTP/2. */
async function asked(...requests: Buffer[]): Promise<{ client: MemoryConnection; upstream: MemoryConnection }> {
  const client = harness.client();
  await deliver(client, START, SETTINGS_ACK, ...requests);
  return { client, upstream: harness.transport.last };
}

const ofType = (connection: MemoryConnection, type: number) => framesOf(connection).filter((one) => one.type === type);
const codeOf = (connection: MemoryConnection): number | undefined => ofType(connection, FrameType.GoAway).pop()?.payload.readUInt32BE(4);
const answer = (id: number, body = 'ok'): Buffer => Buffer.concat([frame(FrameType.Headers, 4, id, OK_BLOCK), frame(FrameType.Data, 1, id, body)]);
const bodyOf = (connection: MemoryConnection, id: number): string =>
  Buffer.concat(ofType(connection, FrameType.Data).filter((one) => one.id === id).map(({ payload }) => payload)).toString();

describe('a client', () => {
  test('that does not acknowledge our settings', async () => {
    await start();
    const client = harness.client();
    await deliver(client, START);
    harness.advance(10_000);
    expect(codeOf(client)).toBe(ErrorCode.SettingsTimeout);
    expect(harness.manager.stats.http2SettingsTimeout).toBe(1);
  });

  test('whose header block does not come to its end', async () => {
    await start({ listener: { requestHeadersTimeout: 2000 } });
    const { client } = await asked(frame(FrameType.Headers, 1, 1, GET.subarray(0, 3)));
    harness.advance(2000);
    expect(codeOf(client)).toBe(ErrorCode.EnhanceYourCalm);
    expect(harness.manager.stats.rqHeaderTimeout).toBe(1);
  });

  test('that is asked for a sign of life, and gives one', async () => {
    await start({ listener: { http2: { ...LIMITS, keepalive: { interval: 1000, timeout: 300 } } } });
    const { client } = await asked();
    for (let round = 1; round <= 3; round++) {
      harness.advance(1000);
      await nextRound();
      const pings = ofType(client, FrameType.Ping);
      expect(pings).toHaveLength(round);
      await deliver(client, frame(FrameType.Ping, 1, 0, pings[round - 1].payload));
    }
    expect(client.closed).toBe(false);
    harness.advance(1300);
    expect(client.closed).toBe(true);
    expect(harness.manager.stats).toMatchObject({ http2KeepaliveTimeout: 1, cxActive: 0 });
  });

  test('that is idle for its time', async () => {
    await start({ listener: { idleTimeout: 5000 } });
    const { client } = await asked();
    harness.advance(5000);
    await nextRound();
    expect(codeOf(client)).toBe(ErrorCode.NoError);
    harness.advance(1000);
    expect(client.closed).toBe(true);
    expect(harness.manager.stats).toMatchObject({ cxIdleTimeout: 1, http2TxGoAway: 1 });
  });

  test('drained in two steps: what it opened before it heard is served', async () => {
    await start({ cluster: { http2: LIMITS } });
    const { client, upstream } = await asked(get(1));
    void harness.proxy.drain(1000);
    await nextRound();
    expect(ofType(client, FrameType.GoAway).map(({ payload }) => payload.readUInt32BE())).toEqual([0x7fffffff]);
    await deliver(client, get(3), frame(FrameType.Ping, 1, 0, ofType(client, FrameType.Ping)[0].payload), get(5));
    expect(ofType(client, FrameType.GoAway).map(({ payload }) => payload.readUInt32BE())).toEqual([0x7fffffff, 3]);
    await deliver(upstream, SETTINGS, answer(1, 'one'), answer(3, 'two'));
    expect([1, 3, 5].map((id) => bodyOf(client, id))).toEqual(['one', 'two', '']);
    expect(client.closed).toBe(true);
  });

  test('that still sends when it has its answer', async () => {
    await start();
    const { client, upstream } = await asked(frame(FrameType.Headers, 4, 1, POST), frame(FrameType.Data, 0, 1, 'abc'));
    await deliver(upstream, Buffer.from('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno'));
    expect(bodyOf(client, 1)).toBe('no');
    expect(ofType(client, FrameType.RstStream).map(({ payload }) => payload.readUInt32BE())).toEqual([ErrorCode.NoError]);
    // What is on its way already is nobody's mistake.
    await deliver(client, frame(FrameType.Data, 1, 1, 'rest'), get(3));
    expect(codeOf(client)).toBeUndefined();
    expect(harness.seen[0]).toMatchObject({ status: 403, flag: undefined });
  });

  test('gets a head that is longer than a frame in pieces', async () => {
    await start();
    const { client, upstream } = await asked(get(1));
    const value = 'v'.repeat(9000);
    await deliver(upstream, Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-a: ${value}\r\nx-b: ${value}\r\nx-c: ${value}\r\n\r\n`));
    const pieces = framesOf(client).filter(({ type, id }) => id === 1 && (type === FrameType.Headers || type === FrameType.Continuation));
    expect(pieces.map(({ type, flags }) => [type, flags & 4])).toEqual([[FrameType.Headers, 0], [FrameType.Continuation, 4]]);
    expect(Buffer.concat(pieces.map(({ payload }) => payload)).toString('latin1').split(value)).toHaveLength(4);
  });

  test('priorities, padding and unknown frames change nothing', async () => {
    await start({ cluster: { http2: LIMITS } });
    const padded = Buffer.concat([Buffer.from([3, 0x80, 0, 0, 0, 7]), GET, Buffer.alloc(3)]);
    const { client, upstream } = await asked(frame(FrameType.Priority, 0, 9, Buffer.from([0, 0, 0, 1, 8])), frame(16, 0, 0, 'u=1'), frame(FrameType.Headers, 0x2d, 1, padded));
    await deliver(upstream, SETTINGS, frame(FrameType.Headers, 4, 1, OK_BLOCK), frame(FrameType.Data, 9, 1, Buffer.from([2, 111, 107, 0, 0])));
    expect(bodyOf(client, 1)).toBe('ok');
    expect(codeOf(client)).toBeUndefined();
  });
});

describe('an upstream', () => {
  const post = (id: number): Buffer => Buffer.concat([frame(FrameType.Headers, 4, id, POST), frame(FrameType.Data, 1, id, 'body')]);
  const reset = (id: number, code: number): Buffer => frame(FrameType.RstStream, 0, id, uint32(code));

  beforeEach(async () => start({ cluster: { http2: LIMITS, idleTimeout: 5000, maxRequestsPerConnection: 0 } }));

  test('that refuses a stream has not looked at it: it goes again, whatever its method', async () => {
    const { client, upstream } = await asked(post(1));
    await deliver(upstream, SETTINGS, reset(1, ErrorCode.RefusedStream));
    expect(bodyOf(upstream, 3)).toBe('body');
    await deliver(upstream, answer(3));
    expect(bodyOf(client, 1)).toBe('ok');
    expect(harness.seen).toMatchObject([{ status: 200, tries: 1 }]);
  });

  test('that refuses for ever ends the request', async () => {
    const { client, upstream } = await asked(post(1));
    await deliver(upstream, SETTINGS);
    for (const id of [1, 3, 5, 7]) await deliver(upstream, reset(id, ErrorCode.RefusedStream));
    expect(ofType(upstream, FrameType.Headers)).toHaveLength(4);
    expect(harness.seen).toMatchObject([{ status: 503, flag: 'UC' }]);
    expect(bodyOf(client, 1)).toContain('problem');
  });

  test.each([['by another code', ErrorCode.InternalError], ['by CANCEL', ErrorCode.Cancel]])('that resets a stream %s may have acted on it', async (_, code) => {
    const { upstream } = await asked(get(1));
    await deliver(upstream, SETTINGS, reset(1, code));
    expect(ofType(upstream, FrameType.Headers)).toHaveLength(1);
    expect(harness.seen).toMatchObject([{ status: 503, flag: 'UC' }]);
  });

  test('that goes away answers what it saw; the rest goes to another connection', async () => {
    const { client, upstream } = await asked(post(1), post(3));
    await deliver(upstream, SETTINGS, frame(FrameType.GoAway, 0, 0, Buffer.concat([uint32(1), uint32(0)])));
    const other = harness.transport.last;
    expect(other).not.toBe(upstream);
    await deliver(other, SETTINGS, answer(1, 'other'));
    await deliver(upstream, answer(1, 'first'));
    expect([1, 3].map((id) => bodyOf(client, id))).toEqual(['first', 'other']);
    expect(upstream.closed).toBe(true);
    expect(harness.cluster.stats).toMatchObject({ http2RxGoAway: 1 });
  });

  test('whose connection breaks may have acted on all that it saw, a GET as well', async () => {
    const { upstream } = await asked(get(1));
    await deliver(upstream, SETTINGS);
    upstream.deliverReset();
    expect(harness.transport.last).toBe(upstream);
    expect(harness.seen).toMatchObject([{ status: 503, flag: 'UC' }]);
  });

  test('gets a hundred streams before it has said how many', async () => {
    const { upstream } = await asked();
    expect(upstream).toBeUndefined();
    // Two clients, as one of them may not open so many.
    const first = await asked(...Array.from({ length: 100 }, (_, i) => get(2 * i + 1)));
    const second = await asked(...Array.from({ length: 20 }, (_, i) => get(2 * i + 1)));
    expect(ofType(first.upstream, FrameType.Headers)).toHaveLength(100);
    expect(second.upstream).not.toBe(first.upstream);
    expect(ofType(second.upstream, FrameType.Headers)).toHaveLength(20);
  });

  test('that is idle for its time is left', async () => {
    const { upstream } = await asked(get(1));
    await deliver(upstream, SETTINGS, SETTINGS_ACK, answer(1));
    expect(upstream.closed).toBe(false);
    harness.advance(5000);
    expect(upstream.closed).toBe(true);
    expect(codeOf(upstream)).toBe(ErrorCode.NoError);
    expect(harness.cluster.connections).toBe(0);
  });

  test('that brings a body where there can be none is wrong, and the next answer stays whole', async () => {
    const head = Buffer.concat([Buffer.from([0x02, 4]), Buffer.from('HEAD'), GET.subarray(1)]);
    const { client, upstream } = await asked(frame(FrameType.Headers, 5, 1, head));
    await deliver(upstream, SETTINGS, answer(1, 'smuggled'));
    expect(bodyOf(client, 1)).toBe('');
    expect(harness.seen).toMatchObject([{ flag: 'UPE' }]);
  });
});

test('an upstream connection carries as many requests as it may', async () => {
  await start({ cluster: { http2: LIMITS, maxRequestsPerConnection: 2 } });
  const { client, upstream } = await asked(get(1), get(3));
  await deliver(client, get(5));
  const other = harness.transport.last;
  expect(other).not.toBe(upstream);
  await deliver(upstream, SETTINGS, answer(1), answer(3));
  await deliver(other, SETTINGS, answer(1));
  expect([1, 3, 5].map((id) => bodyOf(client, id))).toEqual(['ok', 'ok', 'ok']);
  expect(upstream.closed).toBe(true);
});

test('a retry sends the body again, and what the first answer still had to say is not heard', async () => {
  await start({ cluster: { http2: LIMITS }, routes: [routeConfig(actionConfig({ retry: retryConfig() }))] });
  const { client, upstream } = await asked(frame(FrameType.Headers, 4, 1, GET), frame(FrameType.Data, 1, 1, 'body'));
  await deliver(upstream, SETTINGS, frame(FrameType.Headers, 4, 1, Buffer.from([0x08, 3, 53, 48, 51])), frame(FrameType.Data, 0, 1, 'first'));
  expect(ofType(upstream, FrameType.RstStream).map(({ id, payload }) => [id, payload.readUInt32BE()])).toEqual([[1, ErrorCode.Cancel]]);
  harness.advance(1000);
  await nextRound();
  expect(bodyOf(upstream, 3)).toBe('body');
  await deliver(upstream, frame(FrameType.Data, 1, 1, 'late'), answer(3, 'second'));
  expect(bodyOf(client, 1)).toBe('second');
  expect(harness.seen).toMatchObject([{ status: 200, tries: 2 }]);
});

test('where there may be one connection, one that has nothing to do makes room for another endpoint', async () => {
  const limits = { maxConnections: 1, maxPendingRequests: 10, maxRequests: 10, maxRetries: 3 };
  await start({ cluster: { http2: LIMITS, limits, balancer: { kind: 'round_robin' } }, ports: [9001, 9002] });
  const { client, upstream } = await asked(get(1));
  await deliver(upstream, SETTINGS, answer(1));
  await deliver(client, get(3));
  const other = harness.transport.last;
  expect(upstream.closed).toBe(true);
  await deliver(other, SETTINGS, answer(1, 'other'));
  expect(bodyOf(client, 3)).toBe('other');
  expect(harness.cluster.connections).toBe(1);
});

test('a reader that stands still holds its own stream back and no other; what is kept is a window', async () => {
  await start({ cluster: { http2: LIMITS } });
  const { client, upstream } = await asked(get(1), get(3));
  const whole = 65_536;
  // The client's window of stream 1 is the default, and it never opens it.
  const data = (id: number, bytes: number): Buffer =>
    Buffer.concat(Array.from({ length: bytes / 16_384 }, () => frame(FrameType.Data, 0, id, Buffer.alloc(16_384, 97))));
  await deliver(upstream, SETTINGS, frame(FrameType.Headers, 4, 1, OK_BLOCK), data(1, whole));
  await deliver(client, frame(FrameType.WindowUpdate, 0, 0, uint32(0x1000_0000)));
  expect(bodyOf(client, 1)).toHaveLength(65_535);
  const given = (): number =>
    ofType(upstream, FrameType.WindowUpdate).filter(({ id }) => id === 1).reduce((sum, { payload }) => sum + payload.readUInt32BE(), 0);
  // What the upstream may send beyond what the client has taken is never more than the window it was told.
  for (let round = 0, sent = whole; round < 5; round++) {
    const more = Math.floor((whole + given() - sent) / 16_384) * 16_384;
    if (more > 0) await deliver(upstream, data(1, more));
    sent += more;
  }
  expect(given()).toBeLessThanOrEqual(whole);
  expect(harness.manager.bufferedBytes).toBeLessThanOrEqual(2 * whole);
  await deliver(upstream, answer(3, 'fast'));
  expect(bodyOf(client, 3)).toBe('fast');
  await deliver(client, frame(FrameType.WindowUpdate, 0, 1, uint32(0x1000_0000)));
  expect(bodyOf(client, 1).length).toBeGreaterThan(65_535);
  expect(given()).toBeGreaterThan(0);
});
