import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeListener } from '../../../runtime/proxy/config/decode';
import type { HttpConnectionManagerConfig } from '../../../runtime/proxy/config/types';
import { ErrorCode, FrameType } from '../../../runtime/proxy/http2/protocol';
import { Families } from '../../../runtime/proxy/observe/families';
import { collectTraffic } from '../../../runtime/proxy/observe/metrics';
import { RequestObserver } from '../../../runtime/proxy/observe/request-observer';
import { create, HttpConnectionManagerSchema, ListenerSchema, packAny, RouterSchema } from '../../../runtime/xds';
import { parseExposition } from './observe/exposition';
import { frame, framesOf, GET, get, nextRound, POST, setting, SETTINGS, SETTINGS_ACK, START, uint32 } from './support/frames';
import { Harness } from './support/harness';
import type { MemoryConnection } from './support/memory-transport';

/** Holds every row of the bounds of HTTP/2 in docs/http.md against the proxy: what is at the bound passes, what is one beyond it does not. */

const text = readFileSync(join(__dirname, '../../../docs/http.md'), 'utf8').split('\n## HTTP/2\n')[1].split('\n## ')[0];
const rows = new Map(text.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| what')).map((line) => {
  const [what, bound, beyond, counted] = line.split('|').slice(1, -1).map((cell) => cell.trim());
  return [what, { bound: Number(/^\d+/.exec(bound)![0]), words: bound, beyond, counter: counted.replaceAll('`', '') }];
}));
const tested = new Set<string>();

function row(what: string) {
  const found = rows.get(what);
  if (found === undefined) throw new Error(`docs/http.md has no bound of ${what}`);
  tested.add(what);
  return found;
}

let harness: Harness;
beforeEach(async () => { harness = await Harness.start(); });
afterEach(async () => harness.close());

const CODES: Readonly<Record<string, number>> = {
  ENHANCE_YOUR_CALM: ErrorCode.EnhanceYourCalm, REFUSED_STREAM: ErrorCode.RefusedStream, SETTINGS_TIMEOUT: ErrorCode.SettingsTimeout,
};
const many = (count: number, make: (i: number) => Buffer): Buffer => Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

function deliver(client: MemoryConnection, bytes: Buffer): void {
  client.deliver(bytes);
  harness.transport.settle();
}

/** The code of the GOAWAY that ended the connection. */
function ended(client: MemoryConnection): number | undefined {
  return framesOf(client).filter(({ type }) => type === FrameType.GoAway).pop()?.payload.readUInt32BE(4);
}

function counter(name: string): number {
  const families = new Families();
  collectTraffic({ clusters: [], listeners: harness.proxy.listeners.values() }, new RequestObserver(harness.clock, () => 0), families);
  return [...parseExposition(families.exposition()).values()].flat().find((sample) => sample.name === `envoy_http_http2_${name}`)!.value;
}

/** What is within the bound, and the one that is too many. */
function holds(what: string, within: Buffer, further: Buffer): void {
  const { beyond, counter: name } = row(what);
  const client = harness.client();
  deliver(client, Buffer.concat([START, within]));
  expect([ended(client), counter(name)]).toEqual([undefined, 0]);
  deliver(client, further);
  expect([ended(client), counter(name)]).toEqual([CODES[beyond], 1]);
}

test('streams at once', () => {
  const { bound, beyond, counter: name } = row('streams at once');
  const client = harness.client();
  deliver(client, Buffer.concat([START, many(bound, (i) => frame(FrameType.Headers, 4, 2 * i + 1, POST))]));
  expect(counter(name)).toBe(0);
  deliver(client, frame(FrameType.Headers, 4, 2 * bound + 1, POST));
  expect(framesOf(client).filter(({ type }) => type === FrameType.RstStream)).toMatchObject([{ id: 2 * bound + 1, payload: uint32(CODES[beyond]) }]);
  expect([counter(name), ended(client)]).toEqual([1, undefined]);
});

test('pieces of a header block, and their bytes', async () => {
  const { bound } = row('pieces of a header block');
  // HEADERS is the first piece.
  holds('pieces of a header block', Buffer.concat([frame(FrameType.Headers, 1, 1, GET), many(bound - 1, () => frame(FrameType.Continuation, 0, 1))]),
    frame(FrameType.Continuation, 0, 1));
  await harness.close();
  harness = await Harness.start();
  const block = Buffer.concat([GET, Buffer.from([0, 1, 120, 0x7f, 0x81, 0x7d]), Buffer.alloc(16_384 - GET.length - 6, 97)]);
  holds('pieces of a header block', Buffer.concat([frame(FrameType.Headers, 1, 1, block), many(3, () => frame(FrameType.Continuation, 0, 1, Buffer.alloc(16_384, 97)))]),
    frame(FrameType.Continuation, 0, 1, 'a'));
});

test('streams that are given up', () => {
  const { bound } = row('streams given up or refused before their end');
  harness.transport.autoConnect = false;
  const reset = (i: number) => Buffer.concat([get(2 * i + 1), frame(FrameType.RstStream, 0, 2 * i + 1, uint32(8))]);
  holds('streams given up or refused before their end', many(bound, reset), reset(bound));
});

test.each([
  ['SETTINGS', SETTINGS], ['PING', frame(FrameType.Ping, 0, 0, Buffer.alloc(8))], ['PRIORITY, frames of unknown types', frame(FrameType.Priority, 0, 1, Buffer.alloc(5, 1))],
])('%s', (what, one) => {
  const { bound, words } = row(what);
  // The client's own SETTINGS have come.
  holds(what, many(bound - 1, () => one), one);
  const later = harness.client();
  deliver(later, Buffer.concat([START, SETTINGS_ACK, many(bound - 2, () => one)]));
  harness.advance(Number(/in (\d+) s/.exec(words)![1]) * 1000);
  deliver(later, one);
  expect(ended(later)).toBeUndefined();
});

test('DATA frames that carry nothing', () => {
  const { bound } = row('DATA frames that carry nothing');
  holds('DATA frames that carry nothing', Buffer.concat([frame(FrameType.Headers, 4, 1, POST), many(bound, () => frame(FrameType.Data, 0, 1))]),
    frame(FrameType.Data, 0, 1));
});

test('WINDOW_UPDATE', () => {
  const { bound } = row('WINDOW_UPDATE');
  const one = frame(FrameType.WindowUpdate, 0, 0, uint32(1));
  holds('WINDOW_UPDATE', many(bound, () => one), one);
});

test('windows of a few bytes', async () => {
  const { bound, beyond, counter: name } = row('DATA frames cut to less than 64 bytes by the peer\'s windows');
  const client = harness.client();
  deliver(client, Buffer.concat([START, setting(4, 0), get(1)]));
  harness.reply(`HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n${'a'.repeat(9000)}`);
  await nextRound();
  const open = (bytes: number) => deliver(client, frame(FrameType.WindowUpdate, 0, 1, uint32(bytes)));
  const openOften = () => { for (let i = 0; i < bound; i++) open(i === 0 ? 63 : 1); };
  openOften();
  expect(ended(client)).toBeUndefined();
  // One that is not cut so begins anew.
  open(64);
  openOften();
  expect([ended(client), counter(name)]).toEqual([undefined, 0]);
  open(63);
  expect([ended(client), counter(name)]).toEqual([CODES[beyond], 1]);
});

test('a block that unfolds', () => {
  const { bound, words, beyond, counter: name } = row('header list that a block unfolds to');
  expect(words).toBe(`${bound} × what is taken`);
  const taken = row('header list').bound * 1024;
  // A field of 3,033 bytes (RFC 7541 §4.1 adds 32) that stands in the table, behind the host that comes anew, named again and again.
  const field = Buffer.concat([Buffer.from([0x40, 1, 98, 0x7f, 0xb9, 0x16]), Buffer.alloc(3000, 97)]);
  const size = 3000 + 1 + 32;
  const named = (times: number) => frame(FrameType.Headers, 5, 3, Buffer.concat([GET, Buffer.alloc(times, 0xbf)]));
  const times = Math.floor((bound * taken) / size);
  const client = harness.client();
  deliver(client, Buffer.concat([START, frame(FrameType.Headers, 5, 1, Buffer.concat([GET, field])), named(times - 1)]));
  expect([ended(client), counter(name)]).toEqual([undefined, 0]);
  const other = harness.client();
  deliver(other, Buffer.concat([START, frame(FrameType.Headers, 5, 1, Buffer.concat([GET, field])), named(times + 1)]));
  expect([ended(other), counter(name)]).toEqual([CODES[beyond], 1]);
});

test('SETTINGS that are not acknowledged', () => {
  const { bound, beyond, counter: name } = row('time to acknowledge SETTINGS');
  const client = harness.client();
  deliver(client, START);
  harness.advance(bound * 1000 - 1);
  expect([ended(client), counter(name)]).toEqual([undefined, 0]);
  harness.advance(1);
  expect([ended(client), counter(name)]).toEqual([CODES[beyond], 1]);
});

test('what nobody sets, and what a mesh sets', () => {
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix: 'x', routeSpecifier: { case: 'routeConfig', value: { name: 'r' } },
    httpFilters: [{ name: 'router', configType: { case: 'typedConfig', value: packAny(RouterSchema, create(RouterSchema)) } }],
  });
  const { value } = decodeListener(create(ListenerSchema, {
    name: 'l', address: { address: { case: 'socketAddress', value: { address: '127.0.0.1', portSpecifier: { case: 'portValue', value: 80 } } } },
    filterChains: [{ filters: [{ name: 'hcm', configType: { case: 'typedConfig', value: packAny(HttpConnectionManagerSchema, manager) } }] }],
  }));
  const { http2, maxRequestHeadBytes } = value!.listener.filterChains[0].filter as HttpConnectionManagerConfig;
  const streams = row('streams at once').bound, stream = row('bytes that a stream is ahead').bound * 1024;
  const connection = row('bytes that a connection is ahead').bound * 1024 ** 2;
  expect(http2).toMatchObject({ maxConcurrentStreams: streams, initialStreamWindow: stream, connectionWindow: connection });
  expect(maxRequestHeadBytes).toBe(row('header list').bound * 1024);
  const inMesh = readFileSync(join(__dirname, '../../testdata/control-plane/minimal.listeners.out.yaml'), 'utf8');
  expect(inMesh).toContain(`max_concurrent_streams: ${streams}`);
  expect(inMesh).toContain(`initial_stream_window_size: ${stream}`);
  expect(inMesh).toContain(`initial_connection_window_size: ${connection}`);
});

test('every row is held against the proxy', () => {
  expect([...rows.keys()].filter((what) => !tested.has(what))).toEqual([]);
});
