import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import type { Clock } from '../../../../runtime/clock';
import { VirtualClock } from '../../../../runtime/clock/virtual';
import { compileFormat, DEFAULT_FORMAT, type FormatLine } from '../../../../runtime/proxy/observe/access-log';
import { parseFormat } from '../../../../runtime/proxy/observe/format';
import { LineBuffer } from '../../../../runtime/proxy/observe/line-buffer';
import { LineWriter, type WriteBytes } from '../../../../runtime/proxy/observe/line-writer';
import type { RequestRecord } from '../../../../runtime/proxy/observe/types';

const record = {
  method: 'POST', path: '/pay?x=1', authority: 'payment', protocol: 'HTTP/1.1', requestId: 'r-1',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', userAgent: 'curl', forwardedFor: '', downstreamAddress: '127.0.0.1', listener: 'out',
  routeName: 'v/r', cluster: { config: { name: 'payment|v1', statName: 'payment_v1' } }, upstreamHost: { key: '127.0.0.2:80' }, status: 503, flag: 'UO',
  detail: 'circuit_open{payment}', tries: 2, bytesReceived: 10, bytesSent: 20, start: 1_000, upstreamFirstByte: 1_020.4, end: 1_030.6,
} as unknown as RequestRecord;

function written(format: FormatLine, of: RequestRecord, to = new LineBuffer()): string {
  format(of, to);
  return to.bytes.toString('utf8', 0, to.end);
}

function line(format: Record<string, string>, of: Partial<RequestRecord> = {}): unknown {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  clock.advance(5_000);
  const text = written(compileFormat(new Map(Object.entries(format)), clock), { ...record, ...of });
  expect(text.endsWith('}\n')).toBe(true);
  return JSON.parse(text);
}

describe('access log lines', () => {
  test('the default says who called whom, what came of it and which policy acted', () => {
    expect(line(Object.fromEntries(DEFAULT_FORMAT))).toEqual({
      time: '2026-01-01T00:00:01.000Z', listener: 'out', method: 'POST', path: '/pay', authority: 'payment', protocol: 'HTTP/1.1', status: 503,
      flags: 'UO', detail: 'circuit_open{payment}', duration: 31, upstream_duration: 20, tries: 2, cluster: 'payment_v1', upstream: '127.0.0.2:80',
      route: 'v/r', client: '127.0.0.1', request_id: 'r-1', trace_id: '0af7651916cd43dd8448eb211c80319c', user_agent: 'curl', bytes_received: 10,
      bytes_sent: 20, peer: null, upstream_failure: null,
    });
  });

  test('the default keeps queries out, where secrets are; who wants them says so', () => {
    for (const path of ['/reset?token=s3cret', '/reset?a=1?token=s3cret', '?token=s3cret']) {
      expect(JSON.stringify(line(Object.fromEntries(DEFAULT_FORMAT), { path }))).not.toContain('s3cret');
    }
    expect(line({ all: '%PATH(WQ:PATH)%', some: '%PATH(NQ:ORIG_OR_PATH):3%' }, { path: '/reset?token=x' })).toEqual({ all: '/reset?token=x', some: '/re' });
    expect(parseFormat('%PATH(NQ:ORIG)%').problem).toBe(
      '"%PATH(NQ:ORIG)%": %PATH(NQ:ORIG)% is not supported: one of WQ:PATH, NQ:PATH, WQ:ORIG_OR_PATH, NQ:ORIG_OR_PATH');
  });

  test('numbers are what JavaScript makes of them, whatever their size', () => {
    const format = compileFormat(new Map([['n', '%BYTES_SENT%']]), new VirtualClock());
    fc.assert(fc.property(fc.oneof(fc.nat(), fc.maxSafeInteger(), fc.constantFrom(0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31)), (bytesSent) => {
      expect(written(format, { ...record, bytesSent })).toBe(`{"n":${bytesSent}}\n`);
    }));
  });

  test('names of members may be any text, and a line of any length leaves nothing in the next', () => {
    const to = new LineBuffer();
    const format = compileFormat(new Map([['größe "1"', '%REQ(:PATH)%']]), new VirtualClock());
    for (const path of ['/a', `/${'ä'.repeat(30_000)}`, '/b']) expect(JSON.parse(written(format, { ...record, path }, to))).toEqual({ 'größe "1"': path });
    to.start();
    expect(to.bytes.length).toBeLessThanOrEqual(64 * 1024);
  });

  test('a clock of the wall that was set is followed', () => {
    let wall = 1_000_000;
    let now = 500;
    const clock: Clock = { now: () => now, wallTime: () => wall, setTimer: () => { throw new Error('no timer is needed'); } };
    const format = compileFormat(new Map([['t', '%START_TIME%']]), clock);
    const time = (start: number, end: number) => Date.parse((JSON.parse(written(format, { ...record, start, end })) as { t: string }).t);
    expect(time(490, 500)).toBe(999_990);
    wall += 3_600_000;
    now += 100;
    expect(time(600, 600)).toBe(4_600_000 - 0);
  });

  test('one operator keeps the type of its value, null where there is none; text around it makes a string', () => {
    expect(line({
      number: '%RESPONSE_CODE%', none: '%REQ(X-FORWARDED-FOR)%', text: 'code=%RESPONSE_CODE% for=%REQ(X-FORWARDED-FOR)% 100%%', cut: '%REQ(:PATH):4%',
      first: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%', second: '%REQ(X-FORWARDED-FOR?USER-AGENT)%', empty: '', raw: '%UPSTREAM_CLUSTER_RAW%',
    })).toEqual({
      number: 503, none: null, text: 'code=503 for=- 100%', cut: '/pay', first: '/pay?x=1', second: 'curl', empty: '', raw: 'payment|v1',
    });
    expect(line({
      up: '%RESPONSE_DURATION%', cluster: '%UPSTREAM_CLUSTER%', host: '%UPSTREAM_HOST%', flags: '%RESPONSE_FLAGS%', trace: '%TRACE_ID%',
    }, { upstreamFirstByte: 0, cluster: undefined, upstreamHost: undefined, flag: undefined, traceparent: '' })).toEqual({
      up: null, cluster: null, host: null, flags: '-', trace: null,
    });
    expect(line({ a: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' }, { downstreamAddress: '[::1]:80' })).toEqual({ a: '::1' });
    expect(line({ a: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' }, { downstreamAddress: '::1' })).toEqual({ a: '::1' });
  });

  test('whatever a client sends, a line is one line of JSON', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (path, userAgent) => {
      const format = compileFormat(new Map([['p', '%REQ(:PATH)%'], ['t', 'x%REQ(USER-AGENT)%']]), new VirtualClock());
      const text = written(format, { ...record, path, userAgent });
      expect(text.slice(0, -1)).not.toMatch(/[\n\r]/);
      expect(JSON.parse(text)).toEqual({ p: path === '' ? null : path, t: `x${userAgent === '' ? '-' : userAgent}` });
    }));
  });

  test('a format string is taken apart and put together', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom('a', ' ', '%%', '%PROTOCOL%', '%REQ(:PATH):5%', '{"x"}')), (pieces) => {
      const { parts, problem } = parseFormat(pieces.join(''));
      expect(problem).toBeUndefined();
      const again = parts.map((part) => {
        if (part.kind === 'text') return part.text.replaceAll('%', '%%');
        const { name, argument, maxLength } = part.operator;
        return `%${name}${argument && `(${argument})`}${maxLength === undefined ? '' : `:${maxLength}`}%`;
      });
      expect(again.join('')).toBe(pieces.join(''));
    }));
  });
});

describe('line writer', () => {
  let folder: string;
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'log-')); });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('lines come 200 ms later, or at the close, and all of them', async () => {
    const clock = new VirtualClock();
    const path = join(folder, 'access.log');
    const writer = new LineWriter(path, clock);
    for (let at = 0; at < 3; at++) writer.write(`line ${at}\n`);
    expect(clock.untilNext()).toBe(200);
    expect(readFileSync(path, 'utf8')).toBe('');
    clock.advance(200);
    writer.write('line 3 ä\n');
    const bytes = Buffer.from('line 4 ä\nnot of it');
    writer.append(bytes, bytes.indexOf('\n') + 1);
    bytes.fill(0);
    await writer.close();
    expect(readFileSync(path, 'utf8')).toBe('line 0\nline 1\nline 2\nline 3 ä\nline 4 ä\n');
    expect(clock.timers).toBe(0);
  });

  test('a renamed file is left alone after reopening', async () => {
    const path = join(folder, 'access.log');
    const writer = new LineWriter(path, new VirtualClock());
    writer.write('old\n');
    writer.flush();
    renameSync(path, `${path}.1`);
    writer.reopen();
    writer.write('new\n');
    await writer.close();
    expect(readFileSync(`${path}.1`, 'utf8')).toBe('old\n');
    expect(readFileSync(path, 'utf8')).toBe('new\n');
  });

  /** A reader that takes only when told to. */
  function slowReader() {
    const pending: { bytes: string; done: Parameters<WriteBytes>[4]; length: number }[] = [];
    const write: WriteBytes = (_fd, buffer, offset, length, done) => {
      pending.push({ bytes: buffer.toString('utf8', offset, offset + length), length, done });
    };
    return { pending, write };
  }

  test('a reader that stands still costs lines, which are counted, and never waits', () => {
    const { pending, write } = slowReader();
    const writer = new LineWriter('-', new VirtualClock(), write);
    const long = `${'x'.repeat(999)}\n`;
    for (let at = 0; at < 200; at++) writer.write(long);
    expect(pending).toHaveLength(1);
    expect(writer.dropped).toBeGreaterThan(50);
    const { dropped } = writer;
    const [{ done, length }] = pending;
    done(null, length);
    writer.write(long);
    expect(writer.dropped).toBe(dropped);
    expect(pending).toHaveLength(2);
  });

  test('a part that was taken is not written again; a full pipe is tried again later', () => {
    const { pending, write } = slowReader();
    const clock = new VirtualClock();
    const writer = new LineWriter('-', clock, write);
    writer.write('abcdef\n');
    writer.flush();
    pending.shift()!.done(null, 2);
    expect(pending[0].bytes).toBe('cdef\n');
    pending.shift()!.done(Object.assign(new Error('full'), { code: 'EAGAIN' }), 0);
    expect(pending).toHaveLength(0);
    clock.advance(1_000);
    expect(pending[0].bytes).toBe('cdef\n');
    pending.shift()!.done(Object.assign(new Error('broken'), { code: 'EPIPE' }), 0);
    expect(writer.dropped).toBe(1);
    expect(writer.problem).toBe('broken');
  });

  test('a path that cannot be opened is said, and the proxy goes on', async () => {
    const writer = new LineWriter(join(folder, 'no', 'such', 'folder'), new VirtualClock());
    writer.write('x\n');
    expect(writer.problem).toMatch(/ENOENT/);
    await writer.close();
  });
});
