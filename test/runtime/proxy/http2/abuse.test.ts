import { ErrorCode, FrameType } from '../../../../runtime/proxy/http2/protocol';
import { Families } from '../../../../runtime/proxy/observe/families';
import type { Http2Stats } from '../../../../runtime/proxy/observe/http2-stats';
import { collectTraffic } from '../../../../runtime/proxy/observe/metrics';
import { RequestObserver } from '../../../../runtime/proxy/observe/request-observer';
import { parseExposition } from '../observe/exposition';
import { GET, POST, SETTINGS, START, frame, framesOf, get, nextRound, setting, uint32 } from '../support/frames';
import { Harness, OK } from '../support/harness';

type Client = ReturnType<Harness['client']>;

/** Where each flood is counted. */
const COUNTED: Readonly<Record<string, keyof Http2Stats>> = {
  'rapid reset': 'http2RapidResetFlood',
  'requests that have to be reset': 'http2RapidResetFlood',
  'more streams than are allowed, again and again': 'http2RapidResetFlood',
  'CONTINUATION without end': 'http2ContinuationFlood',
  'PING': 'http2PingFlood',
  'SETTINGS': 'http2SettingsFlood',
  'PRIORITY': 'http2ControlFlood',
  'frames of unknown types': 'http2ControlFlood',
  'WINDOW_UPDATE': 'http2WindowUpdateFlood',
  'empty DATA': 'http2EmptyFramesFlood',
  'a header block that unfolds without end': 'http2HeaderBomb',
};

const EXPORTED: Readonly<Partial<Record<keyof Http2Stats, string>>> = {
  http2RapidResetFlood: 'inbound_rapid_reset_flood',
  http2ContinuationFlood: 'inbound_continuation_flood',
  http2PingFlood: 'inbound_ping_flood',
  http2SettingsFlood: 'inbound_settings_flood',
  http2ControlFlood: 'inbound_control_frames_flood',
  http2WindowUpdateFlood: 'inbound_window_update_frames_flood',
  http2EmptyFramesFlood: 'inbound_empty_frames_flood',
  http2HeaderBomb: 'header_overflow',
  http2TinyWindowFlood: 'tiny_window_flood',
};

let harness: Harness;

/** Counters of the listener's floods, as Prometheus gets them. */
function exported(): { readonly name: string; readonly value: number }[] {
  const families = new Families();
  collectTraffic({ clusters: [], listeners: harness.proxy.listeners.values() }, new RequestObserver(harness.clock, () => 0), families);
  return [...parseExposition(families.exposition()).values()].flat()
    .map(({ name, value }) => ({ name: name.replace('envoy_http_http2_', ''), value })).filter(({ name }) => Object.values(EXPORTED).includes(name));
}

beforeEach(async () => { harness = await Harness.start(); });
afterEach(async () => harness.close());

function deliver(client: Client, bytes: Buffer, cut = 65_536): void {
  client.deliver(bytes.toString('latin1'), cut);
  harness.transport.settle();
}

/** The code of the GOAWAY that ended the connection. */
function goneAway(client: Client): number | undefined {
  const last = framesOf(client).filter(({ type }) => type === FrameType.GoAway).pop();
  return last?.payload.readUInt32BE(4);
}

describe('what costs a client less than the proxy ends its connection', () => {
  const { EnhanceYourCalm } = ErrorCode;
  const many = (count: number, make: (i: number) => Buffer): Buffer => Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

  test.each<[string, Buffer, number]>([
    ['rapid reset', many(400, (i) => Buffer.concat([get(2 * i + 1), frame(FrameType.RstStream, 0, 2 * i + 1, uint32(8))])), EnhanceYourCalm],
    ['requests that have to be reset', many(400, (i) => frame(FrameType.Headers, 5, 2 * i + 1, Buffer.from([0x82, 0x86]))), EnhanceYourCalm],
    ['more streams than are allowed, again and again', many(400, (i) => frame(FrameType.Headers, 4, 2 * i + 1, POST)), EnhanceYourCalm],
    ['CONTINUATION without end', Buffer.concat([frame(FrameType.Headers, 1, 1, GET), many(40, () => frame(FrameType.Continuation, 0, 1))]), EnhanceYourCalm],
    ['PING', many(1200, () => frame(FrameType.Ping, 0, 0, Buffer.alloc(8))), EnhanceYourCalm],
    ['SETTINGS', many(1200, () => SETTINGS), EnhanceYourCalm],
    ['PRIORITY', many(1200, () => frame(FrameType.Priority, 0, 1, Buffer.alloc(5, 1))), EnhanceYourCalm],
    ['frames of unknown types', many(1200, () => frame(99, 0, 0, 'x')), EnhanceYourCalm],
    ['WINDOW_UPDATE', many(1200, () => frame(FrameType.WindowUpdate, 0, 0, uint32(1))), EnhanceYourCalm],
    ['empty DATA', Buffer.concat([frame(FrameType.Headers, 4, 1, POST), many(20, () => frame(FrameType.Data, 0, 1))]), EnhanceYourCalm],
    ['a header block that unfolds without end', Buffer.concat([
      frame(FrameType.Headers, 4, 1, Buffer.concat([Buffer.from([0x40, 1, 98, 0x7f, 0xb9, 0x16]), Buffer.alloc(3000, 97)])),
      frame(FrameType.Headers, 4, 3, Buffer.alloc(16_000, 0xbe)),
    ]), EnhanceYourCalm],
    ['a body beyond the window', Buffer.concat([
      frame(FrameType.Headers, 4, 1, POST), many(70, () => frame(FrameType.Data, 0, 1, Buffer.alloc(16_384))),
    ]), ErrorCode.FlowControlError],
  ])('%s', (name, bytes, code) => {
    harness.transport.autoConnect = false;
    const client = harness.client();
    deliver(client, Buffer.concat([START, bytes]));
    // Of a stream that went beyond its own window only the stream ends.
    if (code === ErrorCode.FlowControlError && goneAway(client) === undefined) {
      expect(framesOf(client).filter(({ type }) => type === FrameType.RstStream).map(({ payload }) => payload.readUInt32BE())).toContain(code);
    } else {
      expect(goneAway(client)).toBe(code);
      expect(harness.manager.stats.cxProtocolError).toBe(1);
    }
    if (code === ErrorCode.EnhanceYourCalm) {
      expect(harness.manager.stats.rqActive).toBe(0);
      expect(harness.manager.stats[COUNTED[name]]).toBe(1);
      // And nowhere else, where the operator looks.
      expect(exported().filter(({ value }) => value > 0)).toEqual([{ name: EXPORTED[COUNTED[name]], value: 1 }]);
    }
  });

  test('a window of one byte, opened byte by byte', async () => {
    const client = harness.client();
    deliver(client, Buffer.concat([START, setting(4, 0), get(1)]));
    harness.reply(`HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n${'a'.repeat(5000)}`);
    await nextRound();
    for (let i = 0; i < 1100 && goneAway(client) === undefined; i++) deliver(client, frame(FrameType.WindowUpdate, 0, 1, uint32(1)));
    expect(goneAway(client)).toBe(ErrorCode.EnhanceYourCalm);
    expect(harness.manager.stats).toMatchObject({ rqActive: 0, http2TinyWindowFlood: 1 });
    expect(exported().filter(({ value }) => value > 0)).toEqual([{ name: 'tiny_window_flood', value: 1 }]);
    expect(exported()).toHaveLength(9);
  });
});

test('an answer waits for the windows, is complete in the end, and holds its upstream back until then', async () => {
  const client = harness.client();
  deliver(client, Buffer.concat([START, setting(4, 10), get(1)]));
  harness.reply(`HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n${'a'.repeat(60)}`);
  await nextRound();
  const data = (): number => framesOf(client).filter(({ type }) => type === FrameType.Data).reduce((sum, { payload }) => sum + payload.length, 0);
  expect(data()).toBe(10);
  expect(harness.manager.stats.flowControlPaused).toBe(1);
  deliver(client, frame(FrameType.WindowUpdate, 0, 1, uint32(50)));
  expect(data()).toBe(60);
  harness.reply('b'.repeat(40));
  await nextRound();
  expect(data()).toBe(60);
  // RFC 9113 §6.9.2: a larger initial window also opens streams that are there.
  deliver(client, setting(4, 100));
  expect(data()).toBe(100);
  expect(framesOf(client).pop()).toMatchObject({ type: FrameType.Data, id: 1, flags: 1 });
  expect(harness.seen).toMatchObject([{ status: 200, protocol: 'HTTP/2' }]);
});

test('what a message means does not depend on how its bytes are cut', async () => {
  const block = Buffer.concat([POST, Buffer.from([0, 1, 120, 3]), Buffer.from('own')]);
  const bytes = Buffer.concat([
    START,
    frame(FrameType.Headers, 0x20 | 8, 1, Buffer.concat([Buffer.from([2]), Buffer.from([0, 0, 0, 0, 1]), block.subarray(0, 5), Buffer.alloc(2)])),
    frame(FrameType.Continuation, 4, 1, block.subarray(5)),
    frame(FrameType.Data, 8, 1, Buffer.concat([Buffer.from([3]), Buffer.from('hello'), Buffer.alloc(3)])),
    frame(FrameType.Data, 1, 1, ' you'),
  ]);
  const seen = new Set<string>();
  for (let cut = 1; cut < 40; cut++) {
    const client = harness.client();
    const before = cut === 1 ? 0 : harness.transport.last.received.length;
    deliver(client, bytes, cut);
    // What comes while the upstream connects is handed on when it is connected.
    await nextRound();
    const { received } = harness.transport.last;
    seen.add(received.slice(before).replace(/^(x-request-id|traceparent): .*\r\n/gm, ''));
    harness.reply(OK);
    await nextRound();
    expect(framesOf(client).filter(({ type }) => type === FrameType.Headers)).toHaveLength(1);
  }
  expect([...seen]).toHaveLength(1);
  expect([...seen][0]).toContain('x: own\r\n');
  expect([...seen][0]).toContain('\r\n\r\n5\r\nhello\r\n4\r\n you\r\n0\r\n\r\n');
});
