import { FrameType } from '../../../../runtime/proxy/http2/protocol';
import { OK_BLOCK, SETTINGS, SETTINGS_ACK, START, frame, framesOf, get, nextRound } from '../support/frames';
import { GET, Harness, OK, parseAnswer } from '../support/harness';
import type { MemoryConnection } from '../support/memory-transport';

const HTTP2 = { http2: { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 1024 * 1024 } };

let harness: Harness;
afterEach(async () => {
  await harness.close();
  expect(harness.clock.timers).toBe(0);
});

async function deliver(connection: MemoryConnection, ...frames: Buffer[]): Promise<void> {
  connection.deliver(Buffer.concat(frames));
  harness.transport.settle();
  await nextRound();
  harness.transport.settle();
}

async function advance(milliseconds: number): Promise<void> {
  harness.advance(milliseconds);
  await nextRound();
  harness.transport.settle();
}

const goAways = (connection: MemoryConnection) => framesOf(connection).filter(({ type }) => type === FrameType.GoAway).length;
/** Answers the PINGs that have come. */
const pong = (connection: MemoryConnection) => framesOf(connection).filter(({ type, flags }) => type === FrameType.Ping && flags === 0)
  .map(({ payload }) => frame(FrameType.Ping, 1, 0, payload));

describe('downstream', () => {
  test('an HTTP/1.1 connection at rest ends; one with a request says so in its answer, or ends after it', async () => {
    harness = await Harness.start({ listener: { maxConnectionDuration: 10_000 } });
    const resting = harness.send(GET);
    harness.reply(OK);
    const asking = harness.client();
    harness.advance(9000);
    harness.send(GET, asking);
    expect([resting.closed, asking.closed]).toEqual([false, false]);
    const answered = harness.send(GET);
    harness.reply('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no', harness.transport.connected[1]);
    harness.advance(1000);
    expect(resting.closed).toBe(true);
    harness.reply(OK, harness.transport.connected[0]);
    expect(parseAnswer(asking.received)).toMatchObject({ status: 200, headers: { connection: 'close' } });
    expect(asking.closed).toBe(true);
    // Its head has gone out before.
    harness.advance(9000);
    expect(answered.closed).toBe(false);
    harness.reply('k', harness.transport.connected[1]);
    expect([parseAnswer(answered.received).headers.connection, answered.closed]).toEqual([undefined, true]);
    expect(harness.manager.stats).toMatchObject({ cxMaxDuration: 3, rqActive: 0, cxActive: 0 });
    expect(harness.seen.map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  test('an HTTP/2 connection drains: GOAWAY, streams that were opened are served', async () => {
    harness = await Harness.start({ listener: { maxConnectionDuration: 10_000 } });
    const client = harness.client();
    await deliver(client, START, SETTINGS_ACK, get(1));
    await advance(10_000);
    expect(goAways(client)).toBe(1);
    // What the client opened before it heard.
    await deliver(client, get(3));
    await deliver(client, ...pong(client));
    expect([goAways(client), client.closed]).toEqual([2, false]);
    harness.reply(OK, harness.transport.connected[0]);
    await nextRound();
    harness.reply(OK, harness.transport.connected[1]);
    await nextRound();
    expect(harness.seen.map(({ status }) => status)).toEqual([200, 200]);
    expect([client.closed, harness.manager.stats.cxMaxDuration]).toEqual([true, 1]);
  });

  test('one whose client never says that it heard ends when nothing is under way', async () => {
    harness = await Harness.start({ listener: { maxConnectionDuration: 10_000 } });
    const client = harness.client();
    await deliver(client, START, SETTINGS_ACK, get(1));
    await advance(10_000);
    harness.reply(OK);
    await advance(500);
    expect(client.closed).toBe(false);
    await advance(500);
    expect(client.closed || client.wasReset).toBe(true);
    expect(harness.seen[0].status).toBe(200);
  });
});

describe('upstream', () => {
  test('an HTTP/1.1 connection that is too old takes no more requests, at rest it is closed', async () => {
    harness = await Harness.start({ cluster: { maxConnectionDuration: 10_000 } });
    const client = harness.send(GET);
    harness.reply(OK);
    harness.advance(9000);
    harness.send(GET, client);
    harness.advance(2000);
    const [first] = harness.transport.connected;
    expect(first.closed).toBe(false);
    harness.reply(OK, first);
    expect([first.closed, harness.transport.connected.length]).toEqual([true, 1]);
    harness.send(GET, client);
    harness.reply(OK);
    const [, second] = harness.transport.connected;
    harness.advance(9999);
    expect(second.closed).toBe(false);
    harness.advance(1);
    expect(second.closed).toBe(true);
    expect(harness.seen.map(({ status, tries }) => [status, tries])).toEqual([[200, 1], [200, 1], [200, 1]]);
    expect(harness.cluster.stats.cxMaxDuration).toBe(2);
  });

  test('an HTTP/2 connection serves what it carries, and the next request has a new one', async () => {
    harness = await Harness.start({ cluster: { ...HTTP2, maxConnectionDuration: 10_000 } });
    const client = harness.send(GET);
    await nextRound();
    const [first] = harness.transport.connected;
    await deliver(first, SETTINGS, SETTINGS_ACK);
    await advance(10_000);
    expect(harness.cluster.stats.cxMaxDuration).toBe(1);
    const other = harness.send(GET);
    await nextRound();
    const [, second] = harness.transport.connected;
    await deliver(second, SETTINGS, SETTINGS_ACK);
    await deliver(first, frame(FrameType.Headers, 5, 1, OK_BLOCK));
    expect([client.received.includes('HTTP/1.1 200'), first.closed]).toEqual([true, true]);
    await deliver(second, frame(FrameType.Headers, 5, 1, OK_BLOCK));
    expect(other.received).toContain('HTTP/1.1 200');
    expect(second.closed).toBe(false);
  });
});
