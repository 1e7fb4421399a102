import { clusterConfig } from '../support/config';
import { NOTHING_OPEN, TcpHarness } from './support';

async function connected(options: Parameters<typeof TcpHarness.start>[0] = {}, bytes = '') {
  const harness = await TcpHarness.start(options);
  const client = harness.client(bytes);
  return { harness, client, upstream: harness.upstream };
}

describe('bytes', () => {
  test('go on in both directions as they come, and are counted', async () => {
    const { harness, client, upstream } = await connected();
    client.deliver('hello');
    upstream.deliver('welcome');
    client.deliver('!');
    expect([upstream.received, client.received]).toEqual(['hello!', 'welcome']);
    expect(harness.stats).toMatchObject({ cxTotal: 1, cxActive: 1, bytesReceived: 6, bytesSent: 7 });
    expect(harness.cluster.stats).toMatchObject({ cxTotal: 1, cxTxBytes: 6, cxRxBytes: 7, rqTotal: 1 });
  });

  test('that come before there is an upstream wait: one read of them, the rest with the client', async () => {
    const harness = await TcpHarness.start();
    harness.transport.autoConnect = false;
    const client = harness.client('first');
    client.deliver('second');
    expect([client.reading, client.heldBytes, harness.listener.bufferedBytes]).toEqual([false, 6, 5]);
    expect(harness.upstream.received).toBe('');
    harness.upstream.connect();
    harness.settle();
    expect([harness.upstream.received, client.reading]).toEqual(['firstsecond', true]);
  });

  test('a server that speaks first is heard by a client that says nothing', async () => {
    const { client, upstream } = await connected();
    upstream.deliver('220 ready\r\n');
    expect(client.received).toBe('220 ready\r\n');
  });

  test.each(['client', 'upstream'] as const)('a slow %s stops the other, and nothing is read for it meanwhile', async (slow) => {
    const { harness, client, upstream } = await connected();
    const [fast, taker] = slow === 'client' ? [upstream, client] : [client, upstream];
    taker.stalled = true;
    fast.deliver('a'.repeat(1000));
    fast.deliver('b'.repeat(1000));
    expect([fast.reading, fast.heldBytes]).toEqual([false, 1000]);
    expect([harness.stats.flowControlPaused, harness.listener.bufferedBytes]).toEqual([1, 1000]);
    taker.drain();
    harness.settle();
    expect([fast.reading, taker.received.length]).toEqual([true, 2000]);
  });

  test('a slow upstream stops what came early, too', async () => {
    const harness = await TcpHarness.start();
    harness.transport.autoConnect = false;
    const client = harness.client('early');
    harness.upstream.stalled = true;
    harness.upstream.connect();
    harness.settle();
    expect(client.reading).toBe(false);
    harness.upstream.drain();
    expect(client.reading).toBe(true);
  });
});

describe('ends', () => {
  test('the client ends its direction, the upstream answers and ends its own', async () => {
    const { harness, client, upstream } = await connected({}, 'query');
    client.deliverEnd();
    expect([upstream.shutDown, client.shutDown, upstream.closed]).toEqual([true, false, false]);
    harness.advance(1000);
    upstream.deliver('result');
    upstream.deliverEnd();
    expect([client.received, client.shutDown, client.closed, client.wasReset]).toEqual(['result', true, true, false]);
    expect(harness.ended).toEqual([{
      flag: undefined, detail: '', tries: 1, received: 5, sent: 6, host: '127.0.0.1:9001', duration: 1000, serverName: '',
    }]);
    expect(harness.open).toEqual(NOTHING_OPEN);
    expect(harness.clock.timers).toBeLessThanOrEqual(2);
  });

  test('the upstream ends its direction, the client goes on', async () => {
    const { harness, client, upstream } = await connected();
    upstream.deliver('bye');
    upstream.deliverEnd();
    expect([client.shutDown, client.closed]).toEqual([true, false]);
    client.deliver('more');
    expect(upstream.received).toBe('more');
    client.deliverEnd();
    expect([upstream.closed, upstream.wasReset, harness.ended.length]).toEqual([true, false, 1]);
  });

  test('a client that ended before there was an upstream is passed on whole', async () => {
    const harness = await TcpHarness.start();
    harness.transport.autoConnect = false;
    const client = harness.client();
    client.deliverEnd();
    harness.upstream.connect();
    expect(harness.upstream.shutDown).toBe(true);
    const other = harness.client('bytes');
    other.deliverEnd();
    harness.upstream.connect();
    harness.settle();
    expect([harness.upstream.received, harness.upstream.shutDown]).toEqual(['bytes', true]);
  });

  test('the session lasts until a slow client has taken everything, within the idle time', async () => {
    const { harness, client, upstream } = await connected({ tcp: { idleTimeout: 5000 } });
    client.stalled = true;
    upstream.deliver('late');
    client.deliverEnd();
    // Its end stands behind what is held back.
    client.drain();
    harness.settle();
    client.stalled = true;
    upstream.deliver('later');
    client.drain();
    harness.settle();
    upstream.deliverEnd();
    expect([client.received, client.closed]).toEqual(['latelater', true]);

    const slow = harness.client();
    slow.stalled = true;
    harness.upstream.deliver('x');
    slow.deliverEnd();
    slow.waiting = 1;
    harness.advance(5000);
    expect([slow.closed, harness.ended[1].flag]).toEqual([true, 'SI']);
    expect(harness.open).toEqual(NOTHING_OPEN);
  });

  test('a reset goes through, either way', async () => {
    const { harness, client, upstream } = await connected();
    upstream.deliverReset();
    expect([client.wasReset, harness.ended[0]]).toMatchObject([true, { flag: 'UC', detail: 'upstream_remote_reset' }]);
    const other = harness.client();
    other.deliverReset();
    expect([harness.upstream.wasReset, harness.ended[1]]).toMatchObject([true, { flag: 'DC', detail: 'downstream_remote_disconnect' }]);
    expect(harness.open).toEqual(NOTHING_OPEN);
  });

  test('a client that goes away while its upstream is connected to costs the upstream nothing', async () => {
    const harness = await TcpHarness.start({
      cluster: {
        outlierDetection: {
          consecutive5xx: 1, consecutiveGatewayFailure: 0, consecutiveLocalOriginFailure: 0, splitExternalLocalOriginErrors: false, interval: 10_000,
          baseEjectionTime: 30_000, maxEjectionTime: 300_000, maxEjectionPercent: 100, alwaysEjectOneHost: false,
        },
      },
    });
    harness.transport.autoConnect = false;
    harness.client().deliverReset();
    expect(harness.upstream.closed).toBe(true);
    expect([harness.cluster.hosts()[0].ejected, harness.open]).toEqual([false, NOTHING_OPEN]);
  });
});

describe('time', () => {
  test('idle is a session without bytes in either direction', async () => {
    const { harness, client, upstream } = await connected({ tcp: { idleTimeout: 10_000 } });
    harness.advance(9_000);
    client.deliver('a');
    harness.advance(9_000);
    upstream.deliver('b');
    harness.advance(9_999);
    expect(client.closed).toBe(false);
    harness.advance(1);
    expect([client.wasReset, upstream.wasReset]).toEqual([true, true]);
    expect(harness.ended[0]).toMatchObject({ flag: 'SI', detail: 'tcp_session_idle_timeout', duration: 28_000 });
    expect([harness.stats.cxIdleTimeout, harness.open]).toEqual([1, NOTHING_OPEN]);
  });

  test('a life that is bounded ends however busy it is', async () => {
    const { harness, client, upstream } = await connected({ tcp: { maxDuration: 3_000, idleTimeout: 2_000 } });
    for (let i = 0; i < 3; i++) {
      client.deliver('a');
      harness.advance(999);
    }
    expect(client.closed).toBe(false);
    harness.advance(3);
    expect([client.closed, upstream.closed, harness.ended[0].flag, harness.stats.maxDurationReached]).toEqual([true, true, 'DT', 1]);
  });

  test('0 switches idleness off', async () => {
    const { harness, client } = await connected({ tcp: { idleTimeout: 0 } });
    harness.advance(100 * 3_600_000);
    expect(client.closed).toBe(false);
  });
});

test('a drain waits for sessions, a listener that left keeps its own, and the end of the proxy resets them', async () => {
  const { harness, client, upstream } = await connected();
  const drained = jest.fn();
  const draining = harness.proxy.drain(60_000).then(drained);
  await Promise.resolve();
  await harness.apply({ port: 8081, more: [[clusterConfig({ name: 'other' }), [9002]]] });
  client.deliver('still');
  expect([upstream.received, client.closed]).toEqual(['still', false]);
  client.deliverEnd();
  upstream.deliverEnd();
  await draining;
  expect(drained).toHaveBeenCalled();
  const last = harness.client();
  await harness.proxy.close();
  expect([last.wasReset, harness.ended.at(-1)!.detail]).toEqual([true, 'proxy_closed']);
});
