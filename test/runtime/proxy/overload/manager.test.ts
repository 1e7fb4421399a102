import type { Clock } from '../../../../runtime/clock';
import { VirtualClock } from '../../../../runtime/clock/virtual';
import { Families } from '../../../../runtime/proxy/observe/families';
import { OverloadManager } from '../../../../runtime/proxy/overload/manager';
import { collectOverload } from '../../../../runtime/proxy/overload/metrics';
import type { OverloadConfig } from '../../../../runtime/proxy/overload/types';
import { actionConfig, routeConfig } from '../support/config';
import { GET, Harness, OK, parseAnswer } from '../support/harness';

const CONFIG: OverloadConfig = {
  refreshInterval: 250,
  monitors: [
    { name: 'heap', resource: 'heap', max: 1_000 },
    { name: 'loop', resource: 'event_loop_delay', max: 100 },
    { name: 'buffers', resource: 'buffered_bytes', max: 10_000 },
  ],
  actions: [
    {
      name: 'meshwright.overload_actions.stop_reading',
      kind: 'stop_reading',
      triggers: [{ monitor: 'heap', threshold: 0.8 }, { monitor: 'loop', threshold: 0.5 }, { monitor: 'buffers', threshold: 0.8 }],
    },
    { name: 'envoy.overload_actions.stop_accepting_requests', kind: 'stop_accepting_requests', triggers: [{ monitor: 'heap', threshold: 0.95 }] },
  ],
};

function made() {
  const clock = new VirtualClock();
  const use = { heap: 0, buffered: 0 };
  const did: string[] = [];
  const manager = new OverloadManager(CONFIG, clock, {
    heapBytes: () => use.heap,
    bufferedBytes: () => use.buffered,
    stopReading: (stop) => void did.push(stop ? 'stop reading' : 'read'),
    shed: (shed) => void did.push(shed ? 'shed' : 'serve'),
  });
  manager.start();
  return { clock, use, did, manager };
}

test('reading stops at the first threshold and goes on below it', () => {
  const { clock, use, did } = made();
  use.heap = 799;
  clock.advance(1_000);
  expect(did).toEqual([]);
  use.heap = 800;
  clock.advance(249);
  expect(did).toEqual([]);
  clock.advance(1);
  expect(did).toEqual(['stop reading']);
  use.heap = 700;
  clock.advance(250);
  expect(did).toEqual(['stop reading', 'read']);
});

test('requests are shed at the second, and are read to be refused', () => {
  const { clock, use, did } = made();
  use.heap = 900;
  clock.advance(250);
  use.heap = 950;
  clock.advance(250);
  use.heap = 900;
  clock.advance(250);
  use.heap = 0;
  clock.advance(250);
  expect(did).toEqual(['stop reading', 'shed', 'read', 'serve', 'stop reading', 'read']);
});

test('standing still for a second without relief becomes shedding, until there is relief', () => {
  const { clock, use, did } = made();
  use.buffered = 8_000;
  clock.advance(250 + 999);
  expect(did).toEqual(['stop reading']);
  clock.advance(250);
  expect(did).toEqual(['stop reading', 'shed', 'read']);
  clock.advance(60_000);
  expect(did).toHaveLength(3);
  use.buffered = 7_999;
  clock.advance(250);
  expect(did.at(-1)).toBe('serve');
});

test('the delay of the event loop is what the look itself came late by', () => {
  let now = 0;
  let fire = (): void => undefined;
  const clock: Clock = {
    now: () => now,
    wallTime: () => 0,
    setTimer: (_, callback) => {
      fire = callback;
      return { cancel: () => undefined };
    },
  };
  const did: boolean[] = [];
  const manager = new OverloadManager(CONFIG, clock, {
    heapBytes: () => 0, bufferedBytes: () => 0, stopReading: (stop) => void did.push(stop), shed: () => undefined,
  });
  manager.start();
  for (const late of [10, 49, 50, 0]) {
    now += 250 + late;
    fire();
  }
  expect(did).toEqual([true, false]);
});

test('pressures and actions are metrics by Envoy\'s names; closing undoes everything', () => {
  const { clock, use, did, manager } = made();
  use.heap = 960;
  clock.advance(250);
  const families = new Families();
  collectOverload({ overload: manager, bufferedBytes: 77, mostBuffered: 70 }, families);
  expect(families.stats().split('\n')).toEqual(expect.arrayContaining([
    'overload.heap.pressure: 96', 'overload.loop.pressure: 0', 'overload.buffered_bytes: 77', 'overload.connection_buffered_bytes_max: 70',
    'overload.envoy.overload_actions.stop_accepting_requests.active: 1', 'overload.meshwright.overload_actions.stop_reading.active: 0',
  ]));
  manager.close();
  expect(did).toEqual(['shed', 'serve']);
  expect(clock.timers).toBe(0);
});

describe('the proxy', () => {
  let harness: Harness;
  beforeEach(async () => { harness = await Harness.start({ routes: [routeConfig(actionConfig())] }); });
  afterEach(async () => harness.close());

  test('that sheds answers 503 with flag OM and retry-after, counts it, and goes on serving afterwards on the same connection', () => {
    harness.proxy.router.shedding = true;
    const client = harness.send(GET);
    const answer = parseAnswer(client.takeReceived());
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1', 'content-type': 'application/problem+json' } });
    expect(JSON.parse(answer.body)).toMatchObject({ type: 'https://meshwright.dev/problems/overloaded', status: 503, policy: 'overload' });
    expect(harness.seen).toMatchObject([{ status: 503, flag: 'OM', detail: 'overload', tries: 0 }]);
    expect(harness.manager.stats.rqOverloadClose).toBe(1);
    harness.proxy.router.shedding = false;
    harness.send(GET, client);
    harness.reply(OK);
    expect(parseAnswer(client.received).status).toBe(200);
  });

  test('that stands still reads nothing of clients, old or new, ends what is under way, and then goes on where it was', () => {
    const [busy, idle] = [harness.send(GET), harness.client()];
    harness.proxy.holdReading(true);
    const late = harness.client();
    for (const client of [busy, idle, late]) harness.send(GET, client);
    expect(harness.transport.connected).toHaveLength(1);
    harness.reply(OK);
    expect(parseAnswer(busy.takeReceived()).status).toBe(200);
    // What would be read next of it waits, too.
    expect([busy, idle, late].map(({ heldBytes }) => heldBytes)).toEqual([GET.length, GET.length, GET.length]);
    harness.proxy.holdReading(false);
    harness.transport.settle();
    for (const upstream of harness.transport.connected) harness.reply(OK, upstream);
    expect([busy, idle, late].map((client) => parseAnswer(client.received).status)).toEqual([200, 200, 200]);
  });

  test('counts what waits in it: parts of heads, bodies to be sent again, bytes that nobody takes', () => {
    expect(harness.proxy.bufferedBytes).toBe(0);
    harness.send('GET / HTTP/1.1\r\nhost: sh');
    expect(harness.proxy.bufferedBytes).toBe(24);
    const client = harness.send(GET);
    client.stalled = true;
    const before = harness.proxy.bufferedBytes;
    harness.reply(`HTTP/1.1 200 OK\r\ncontent-length: 50000\r\n\r\n${'x'.repeat(40_000)}`);
    expect(harness.proxy.bufferedBytes - before).toBeGreaterThan(40_000);
    client.drain();
    harness.reply('x'.repeat(10_000));
    expect(harness.proxy.bufferedBytes).toBe(24);
  });
});
