import { FrameType } from '../../../../runtime/proxy/http2/protocol';
import { actionConfig, clusterConfig, listenerConfig, routeConfig, routeTable, snapshot } from '../support/config';
import { OK_BLOCK, POST, SETTINGS, SETTINGS_ACK, START, frame, framesOf, nextRound } from '../support/frames';
import { GET, Harness, OK, type HarnessOptions } from '../support/harness';
import type { MemoryConnection } from '../support/memory-transport';

const HTTP2 = { http2: { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 1024 * 1024 } };
const EVERY = { cluster: 'copies', fractionPerMillion: 1_000_000 };

let harness: Harness;

async function start(
  options: HarnessOptions = {}, mirrors = [EVERY], copies: Parameters<typeof clusterConfig>[0] = {}, timeout = 15_000,
): Promise<void> {
  harness = await Harness.start(options);
  const routes = routeTable([routeConfig(actionConfig({ mirrors, timeout }))]);
  await harness.proxy.apply(snapshot(listenerConfig(options.listener), routes, [
    [clusterConfig(options.cluster), [9001]], [clusterConfig({ name: 'copies', endpointsName: 'copies', ...copies }), [9002]],
  ]));
}

const to = (port: number): MemoryConnection[] => harness.transport.connected.filter((connection) => connection.port === port);
const originals = (): MemoryConnection[] => to(9001);
const copied = (): MemoryConnection[] => to(9002);
const copiesOf = () => harness.proxy.clusters.get('copies')!;

afterEach(async () => {
  await harness.close();
  expect(harness.proxy.router.copies.size).toBe(0);
  expect(harness.clock.timers).toBe(0);
});

test('a copy goes to the other cluster, marked in its host, with the same id; its answer is nobody\'s, and no request of the listener\'s', async () => {
  await start();
  const client = harness.send('GET /a?b HTTP/1.1\r\nhost: shop:8080\r\nx-own: 1\r\n\r\n');
  const [original] = originals(), [copy] = copied();
  expect(original.received).toMatch(/^GET \/a\?b HTTP\/1\.1\r\nhost: shop:8080\r\nx-own: 1\r\n/);
  expect(copy.received).toMatch(/^GET \/a\?b HTTP\/1\.1\r\nhost: shop-shadow:8080\r\nx-own: 1\r\n/);
  const id = (connection: MemoryConnection) => /x-request-id: (\S+)/.exec(connection.received)![1];
  expect(id(copy)).toBe(id(original));
  harness.reply('HTTP/1.1 500 Internal Server Error\r\ncontent-length: 5\r\n\r\nwrong', copy);
  expect(client.received).toBe('');
  harness.reply(OK, original);
  expect(client.received).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(harness.seen).toHaveLength(1);
  expect(harness.manager.stats).toMatchObject({ rqTotal: 1, rqActive: 0, rqMirrored: 1 });
  expect([...harness.manager.stats.rqByClass]).toEqual([0, 0, 1, 0, 0, 0]);
  expect(copiesOf().stats.rqByClass[5]).toBe(1);
  // Its connection is one like any other.
  harness.send(GET, client);
  expect(copied()).toHaveLength(1);
  harness.reply(OK, copy);
  harness.reply(OK, original);
});

test('a copy that fails, hangs or is never taken changes nothing for the original, and ends by itself', async () => {
  await start({}, [EVERY], {}, 0);
  const client = harness.send(GET);
  harness.reply(OK, originals()[0]);
  copied()[0].deliverReset();
  harness.send(GET, client);
  harness.reply(OK, originals()[0]);
  expect(harness.proxy.router.copies.size).toBe(1);
  harness.advance(15_000);
  expect([harness.proxy.router.copies.size, copied()[1].wasReset || copied()[1].closed]).toEqual([0, true]);
  harness.transport.autoConnect = false;
  harness.send(GET, client);
  harness.reply(OK, originals()[0]);
  expect(harness.seen.map(({ status, tries }) => [status, tries])).toEqual([[200, 1], [200, 1], [200, 1]]);
});

test('a body is copied once it has come to its end, chunks as one, cut anywhere', async () => {
  for (const cut of [1, 7, 1000]) {
    await start();
    const client = harness.client();
    client.deliver('POST / HTTP/1.1\r\nhost: shop\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n', cut);
    harness.transport.settle();
    expect(copied()).toHaveLength(0);
    client.deliver('0\r\n\r\n', cut);
    harness.transport.settle();
    expect(copied()[0].received).toMatch(/\r\n\r\n7\r\nabcdefg\r\n0\r\n\r\n$/);
    harness.reply(OK, originals()[0]);
    harness.reply(OK, copied()[0]);
    harness.send('PUT / HTTP/1.1\r\nhost: shop\r\ncontent-length: 7\r\n\r\nabcdefg', client);
    expect(copied()[0].received).toMatch(/content-length: 7\r\n[^]*\r\n\r\nabcdefg$/);
    harness.reply(OK, originals()[0]);
    harness.reply(OK, copied()[0]);
    expect(harness.seen.map(({ status }) => status)).toEqual([200, 200]);
    expect(copiesOf().stats.rqByClass[2]).toBe(2);
    await harness.close();
  }
});

test('a body longer than the buffer is not copied, and goes to its upstream whole', async () => {
  await start({ listener: { bufferLimit: 1000 } });
  harness.send(`POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 1001\r\n\r\n${'x'.repeat(1001)}`);
  harness.reply(OK, originals()[0]);
  expect([copied().length, harness.seen[0].status]).toEqual([0, 200]);
  expect(harness.manager.stats).toMatchObject({ rqMirrored: 0, rqMirrorOverflow: 1 });
});

test('a request that its client breaks off is not copied, and what is kept of it is given up', async () => {
  await start();
  const client = harness.send('POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 10\r\n\r\nabc');
  expect(harness.listener.bufferedBytes).toBeGreaterThanOrEqual(3);
  client.deliverReset();
  expect([copied().length, harness.listener.bufferedBytes]).toEqual([0, 0]);
});

test('by chance, to several, and to none that there is', async () => {
  await start({}, [{ cluster: 'copies', fractionPerMillion: 250_000 }]);
  const client = harness.client();
  for (let i = 0; i < 200; i++) {
    harness.send(GET, client);
    for (const copy of copied()) harness.reply(OK, copy);
    harness.reply(OK, originals()[0]);
  }
  expect(harness.manager.stats.rqMirrored).toBeGreaterThan(20);
  expect(harness.manager.stats.rqMirrored).toBeLessThan(90);
  await harness.close();

  await start({}, [EVERY, EVERY, { cluster: 'nobody', fractionPerMillion: 1_000_000 }]);
  harness.send(GET);
  expect(copied()).toHaveLength(2);
  harness.reply(OK, originals()[0]);
  expect(harness.seen[0].status).toBe(200);
});

test('the limits of the cluster of copies bound them', async () => {
  const limits = { maxConnections: 1, maxPendingRequests: 1, maxRequests: 2, maxRetries: 1 };
  await start({}, [EVERY], { limits });
  for (let i = 0; i < 5; i++) harness.send(GET);
  expect(harness.proxy.router.copies.size).toBe(2);
  expect(copied()).toHaveLength(1);
  for (const original of originals()) harness.reply(OK, original);
  expect(harness.seen.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
});

test.each([['HTTP/1.1', {}, {}], ['HTTP/2', HTTP2, HTTP2], ['HTTP/2 and HTTP/1.1', HTTP2, {}], ['HTTP/1.1 and HTTP/2', {}, HTTP2]])(
  'a stream of HTTP/2, to upstreams of %s', async (_, cluster, copies) => {
    await start({ cluster }, [EVERY], copies);
    const client = harness.client();
    const deliver = async (connection: MemoryConnection, ...frames: Buffer[]): Promise<void> => {
      connection.deliver(Buffer.concat(frames));
      harness.transport.settle();
      await nextRound();
      harness.transport.settle();
    };
    await deliver(client, START, SETTINGS_ACK, frame(FrameType.Headers, 4, 1, POST), frame(FrameType.Data, 0, 1, 'abc'), frame(FrameType.Data, 1, 1, 'defg'));
    const bodyOf = async (connection: MemoryConnection, isHttp2: boolean): Promise<string> => {
      if (!isHttp2) {
        const text = connection.received;
        harness.reply(OK, connection);
        return text.slice(text.indexOf('\r\n\r\n') + 4);
      }
      await deliver(connection, SETTINGS, SETTINGS_ACK);
      const data = framesOf(connection).filter(({ type }) => type === FrameType.Data).map(({ payload }) => payload.toString()).join('');
      await deliver(connection, frame(FrameType.Headers, 4, 1, OK_BLOCK), frame(FrameType.Data, 1, 1, 'x'.repeat(1000)));
      return data;
    };
    const received = await bodyOf(copied()[0], copies === HTTP2);
    expect(received).toBe(copies === HTTP2 ? 'abcdefg' : '7\r\nabcdefg\r\n0\r\n\r\n');
    expect(await bodyOf(originals()[0], cluster === HTTP2)).toMatch(cluster === HTTP2 ? /^abcdefg$/ : /abc\r\n[^]*defg\r\n0\r\n\r\n$/);
    await nextRound();
    expect(harness.seen.map(({ status }) => status)).toEqual([200]);
    expect(copiesOf().stats.rqByClass[2]).toBe(1);
  },
);
