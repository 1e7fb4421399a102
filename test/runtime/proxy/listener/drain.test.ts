import { FrameType } from '../../../../runtime/proxy/http2/protocol';
import { frame, framesOf, get, nextRound, SETTINGS_ACK, START } from '../support/frames';
import { GET, Harness, OK, parseAnswer } from '../support/harness';
import type { MemoryConnection } from '../support/memory-transport';

/*
 * The end of a proxy: a drain, and what is left then is closed. What has been answered is not over before the client has taken its answer.
 */

let harness: Harness;
beforeEach(async () => { harness = await Harness.start({ listener: { port: 8080, codec: 'auto' } }); });
afterEach(async () => {
  await harness.close();
  expect(harness.clock.timers).toBe(0);
});

/** As the server ends it. */
function end(): { ended: Promise<void>; over: () => boolean } {
  let over = false;
  const ended = harness.proxy.drain(10_000).then(async () => {
    over = true;
    await harness.close();
  });
  return { ended, over: () => over };
}

/** A client of HTTP/2 that has said these frames. */
async function connected(...frames: Buffer[]): Promise<MemoryConnection> {
  const client = harness.client();
  client.deliver(Buffer.concat([START, SETTINGS_ACK, ...frames]));
  harness.transport.settle();
  await nextRound();
  return client;
}

/** The client answers the PING behind the first GOAWAY. */
async function heard(client: MemoryConnection): Promise<void> {
  const ping = framesOf(client).find(({ type }) => type === FrameType.Ping)!;
  client.deliver(frame(FrameType.Ping, 1, 0, ping.payload));
  harness.transport.settle();
  await nextRound();
}

const dataOf = (client: MemoryConnection): string =>
  Buffer.concat(framesOf(client).filter(({ type }) => type === FrameType.Data).map(({ payload }) => payload)).toString();

test('HTTP/2: the last answer goes out before its connection ends', async () => {
  const client = await connected(get(1));
  const { over, ended } = end();
  harness.reply(OK);
  await nextRound();
  expect(dataOf(client)).toBe('ok');
  await heard(client);
  await ended;
  expect(over()).toBe(true);
});

test('HTTP/2: what a client opens before it has heard is served, whatever is under way', async () => {
  const client = await connected();
  const { ended } = end();
  await nextRound();
  client.deliver(get(1));
  harness.transport.settle();
  await nextRound();
  harness.reply(OK);
  await nextRound();
  expect(dataOf(client)).toBe('ok');
  await heard(client);
  await ended;
  expect(framesOf(client).filter(({ type }) => type === FrameType.GoAway)).toHaveLength(2);
});

test('HTTP/2: who does not say that it heard is waited for a second, and a slow reader until it has its answer', async () => {
  const [deaf, slow] = [await connected(), await connected()];
  slow.deliver(get(1));
  harness.transport.settle();
  await nextRound();
  slow.stalled = true;
  const { over, ended } = end();
  harness.reply(OK);
  await nextRound();
  harness.advance(1_000);
  expect([deaf.closed, slow.closed, over()]).toEqual([true, false, false]);
  harness.advance(5_000);
  expect(slow.closed).toBe(false);
  slow.drain();
  harness.advance(1_000);
  await ended;
  expect([dataOf(slow), slow.closed]).toEqual(['ok', true]);
});

test('HTTP/1.1: a request whose head has begun is served', async () => {
  const client = harness.client();
  client.deliver('GET / HTTP/1.1\r\nho');
  const { over, ended } = end();
  await nextRound();
  expect(over()).toBe(false);
  harness.send('st: shop\r\n\r\n', client);
  harness.reply(OK);
  await ended;
  expect(parseAnswer(client.received)).toMatchObject({ status: 200, headers: { connection: 'close' }, body: 'ok' });
});

test('whatever is left ends with the deadline', async () => {
  const client = await connected(get(1));
  client.stalled = true;
  const { over, ended } = end();
  harness.reply(OK);
  await nextRound();
  harness.advance(9_999);
  await nextRound();
  expect(over()).toBe(false);
  harness.advance(1);
  await ended;
  expect(client.closed).toBe(true);
});

test('HTTP/1.1: an answer that the client has not taken yet is waited for', async () => {
  const client = harness.send(GET);
  client.stalled = true;
  const { over, ended } = end();
  harness.reply(OK);
  await nextRound();
  expect([over(), client.wasReset]).toEqual([false, false]);
  client.drain();
  await ended;
  expect([parseAnswer(client.received).body, client.wasReset]).toEqual(['ok', false]);
});
