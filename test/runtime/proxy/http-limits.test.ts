import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeListener } from '../../../runtime/proxy/config/decode';
import type { HttpConnectionManagerConfig } from '../../../runtime/proxy/config/types';
import { create, HttpConnectionManagerSchema, ListenerSchema, packAny, RouterSchema } from '../../../runtime/xds';
import { Harness, OK, parseAnswer, type HarnessOptions } from './support/harness';

/** Holds every row of the limits in docs/http.md against the proxy: what is at the bound passes, what is one beyond it does not. */

const text = readFileSync(join(__dirname, '../../../docs/http.md'), 'utf8');
const cells = text.split('## Limits')[1].split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| what'))
  .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
const rows = new Map(cells.map(([what, bound, , beyond]) => [what, { bound, beyond }]));
const tested = new Set<string>();

function row(what: string): { readonly bound: string; readonly beyond: string } {
  const found = rows.get(what);
  if (found === undefined) throw new Error(`docs/http.md has no limit of ${what}`);
  tested.add(what);
  return found;
}

/** `8 KiB`, `100`, `32 bytes`, `5 min`, `1 h`: bytes, or milliseconds. */
function numberOf(bound: string): number {
  const [, digits, unit] = /^(\d+)(?: (KiB|MiB|bytes|min|h|s)\b.*| each)?$/.exec(bound) ?? [];
  if (digits === undefined) throw new Error(`no bound: ${bound}`);
  return Number(digits) * ({ KiB: 1024, MiB: 1024 ** 2, min: 60_000, h: 3_600_000, s: 1000 }[unit ?? ''] ?? 1);
}

const bound = (what: string): number => numberOf(row(what).bound);

let harness: Harness | undefined;
afterEach(async () => harness?.close());

/** The status that a client gets, where the upstream answers `answer`. */
async function status(request: string, answer = OK, options: HarnessOptions = {}): Promise<number> {
  await harness?.close();
  harness = await Harness.start(options);
  const client = harness.send(request);
  if (client.received === '') harness.reply(answer);
  const last = client.received.split('HTTP/1.1 ').pop()!;
  return parseAnswer(`HTTP/1.1 ${last}`).status;
}

/** At the bound and one beyond it. */
async function pair(what: string, request: (length: number) => string, answer?: (length: number) => string): Promise<void> {
  const { bound: limit, beyond } = row(what);
  const most = numberOf(limit);
  // Of two statuses the second is an upstream's.
  const refused = Number(beyond.split(', ')[answer === undefined || !beyond.includes(', ') ? 0 : 1]);
  expect([await status(request(most), answer?.(most)), await status(request(most + 1), answer?.(most + 1))]).toEqual([200, refused]);
}

const get = (headers: string) => `GET / HTTP/1.1\r\nhost: a\r\n${headers}\r\n`;
const chunked = (body: string) => `POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${body}`;
const chunkedAnswer = (body: string) => `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${body}`;
/** A head, or a trailer section, of that length in lines of at most 4 KiB. */
function padded(before: string, length: number): string {
  let filled = before;
  for (let left = length - before.length - 2; left > 0;) {
    const line = left > 8000 ? 4096 : left > 4096 ? left - 4000 : left;
    filled += `x: ${'y'.repeat(line - 5)}\r\n`;
    left -= line;
  }
  return `${filled}\r\n`;
}

test('the target, the method, the lines and the bytes of a head', async () => {
  await pair('request target', (length) => `GET /${'a'.repeat(length - 1)} HTTP/1.1\r\nhost: a\r\n\r\n`);
  await pair('method', (length) => `${'A'.repeat(length)} / HTTP/1.1\r\nhost: a\r\n\r\n`);
  await pair('header lines', (count) => get('x: y\r\n'.repeat(count - 1)));
  await pair('names in `Connection`', (count) => get(`connection: ${Array.from({ length: count }, (_, i) => `x-${i}`).join(', ')}\r\n`));
  const { maxRequestHeadBytes } = defaults();
  expect(maxRequestHeadBytes).toBe(bound('request head'));
  await pair('request head', (length) => padded('GET / HTTP/1.1\r\nhost: a\r\n', length));
});

test('what is in chunks, of requests and of answers', async () => {
  const extension = (length: number) => `2;${'e'.repeat(length - 1)}\r\nok\r\n0\r\n\r\n`;
  await pair('chunk extensions of a message', (length) => chunked(extension(length)));
  await pair('chunk extensions of a message', () => get(''), (length) => chunkedAnswer(extension(length)));
  const trailers = (length: number) => padded('2\r\nok\r\n0\r\n', length + '2\r\nok\r\n0\r\n'.length);
  await pair('trailer section', (length) => chunked(trailers(length)));
  await pair('trailer section', () => get(''), (length) => chunkedAnswer(trailers(length)));
});

test('the head of an answer, and interim answers', async () => {
  await pair('answer\'s head', () => get(''), (length) => `${padded('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n', length)}ok`);
  await pair('interim answers to a request', () => get(''), (count) => 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(count) + OK);
});

/** What a listener is that says nothing. */
function defaults(): HttpConnectionManagerConfig {
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix: 'x', routeSpecifier: { case: 'routeConfig', value: { name: 'r' } },
    httpFilters: [{ name: 'router', configType: { case: 'typedConfig', value: packAny(RouterSchema, create(RouterSchema)) } }],
  });
  const { value } = decodeListener(create(ListenerSchema, {
    name: 'l', address: { address: { case: 'socketAddress', value: { address: '127.0.0.1', portSpecifier: { case: 'portValue', value: 80 } } } },
    filterChains: [{ filters: [{ name: 'hcm', configType: { case: 'typedConfig', value: packAny(HttpConnectionManagerSchema, manager) } }] }],
  }));
  return value!.listener.filterChains[0].filter as HttpConnectionManagerConfig;
}

test('times and buffers that nobody sets', () => {
  const of = defaults();
  expect(of).toMatchObject({
    streamIdleTimeout: numberOf(row('time without a byte of a stream').bound.split(';')[0]),
    idleTimeout: bound('idle connection'),
    bufferLimit: bound('bytes buffered of a connection'),
  });
  const off = [of.requestHeadersTimeout, of.requestTimeout, of.maxConnectionDuration];
  expect(off).toEqual([0, 0, undefined]);
  for (const what of ['time for a head', 'time for a whole request', 'age of a connection', 'request body', 'message of gRPC']) expect(row(what).bound).toMatch(/^none/);
});

test('what a mesh sets', () => {
  const listeners = readFileSync(join(__dirname, '../../testdata/control-plane/minimal.listeners.out.yaml'), 'utf8');
  const inMesh = (what: string) => numberOf(/; (\d+ \w+) in a mesh/.exec(row(what).bound)![1]) / 1000;
  expect(listeners).toContain(`request_headers_timeout: ${inMesh('time for a head')}s`);
  expect(listeners).toContain(`request_timeout: ${inMesh('time for a whole request')}s`);
  expect(row('time without a byte of a stream').bound).toContain('none in a mesh');
  expect(listeners).toContain('stream_idle_timeout: 0s');
});

test('every row is held against the proxy', () => {
  // Counted by its hash beyond that: test/runtime/proxy/filter/local-ratelimit.test.ts.
  row('keys of a rate limit');
  expect([...rows.keys()].filter((what) => !tested.has(what))).toEqual([]);
});
