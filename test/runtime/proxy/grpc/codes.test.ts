import * as fc from 'fast-check';
import { ERRORS, type ProxyError } from '../../../../runtime/proxy/error';
import { MessageMeter } from '../../../../runtime/proxy/grpc/message-meter';
import { GRPC_STATUS_NAMES, encodeMessage, grpcStatusOf, httpStatusOf, isGrpc } from '../../../../runtime/proxy/grpc/status';
import { parseTimeout, writeTimeout } from '../../../../runtime/proxy/grpc/timeout';
import { Head } from '../../../../runtime/proxy/http1/head';

function headOf(lines: string): Head {
  const bytes = Buffer.from(`POST / HTTP/1.1\r\nhost: a\r\n${lines}\r\n`);
  const head = new Head();
  expect(head.parseRequest(bytes, 0, bytes.length)).toBe(bytes.length);
  return head;
}

test.each([
  ['application/grpc', true], ['application/grpc+proto', true], ['application/grpc;x=y', true], ['Application/GRPC', true],
  ['application/grpc-web', false], ['application/grpc-web+proto', false], ['application/grp', false], ['application/json', false], ['', false],
])('%s: %s', (type, expected) => {
  expect(isGrpc(headOf(`Content-Type: ${type}\r\n`))).toBe(expected);
});
test('without a content-type it is no call', () => expect(isGrpc(headOf(''))).toBe(false));

test('statuses of HTTP and gRPC, both ways', () => {
  expect([200, 400, 401, 403, 404, 408, 429, 500, 502, 503, 504].map((status) => [status, GRPC_STATUS_NAMES[grpcStatusOf(status)]])).toEqual([
    [200, 'Unknown'], [400, 'Internal'], [401, 'Unauthenticated'], [403, 'PermissionDenied'], [404, 'Unimplemented'], [408, 'Unknown'],
    [429, 'Unavailable'], [500, 'Unknown'], [502, 'Unavailable'], [503, 'Unavailable'], [504, 'Unavailable'],
  ]);
  expect(GRPC_STATUS_NAMES.map((name, status) => `${name} ${httpStatusOf(status)}`)).toEqual([
    'OK 200', 'Canceled 499', 'Unknown 500', 'InvalidArgument 400', 'DeadlineExceeded 504', 'NotFound 404', 'AlreadyExists 409', 'PermissionDenied 403',
    'ResourceExhausted 429', 'FailedPrecondition 400', 'Aborted 409', 'OutOfRange 400', 'Unimplemented 501', 'Internal 500', 'Unavailable 503',
    'DataLoss 500', 'Unauthenticated 401',
  ]);
});

test('a message is printable, and comes back', () => {
  expect(encodeMessage('50% of „it“\n')).toBe('50%25 of %E2%80%9Eit%E2%80%9C%0A');
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => {
    const encoded = encodeMessage(text);
    expect(encoded).toMatch(/^[ -~]*$/);
    expect(decodeURIComponent(encoded)).toBe(text);
  }));
});

const parse = (text: string): number => parseTimeout(Buffer.from(text), 0, text.length);

test('timeouts: one to eight digits and a unit', () => {
  expect(['1H', '2M', '3S', '4m', '5000u', '6000000n', '00000010m', '99999999H', '0m'].map(parse))
    .toEqual([3_600_000, 120_000, 3000, 4, 5, 6, 10, 99_999_999 * 3_600_000, 0]);
  expect(['', 'm', '1', '123456789m', '-1m', '+1m', '1.5S', '1s', '1 m', ' 1m', '1ms', '0x1m'].map(parse)).toEqual(new Array(12).fill(-1));
});

test('what is written is never more than what was left, and near it', () => {
  const bytes = Buffer.alloc(16);
  fc.assert(fc.property(fc.double({ min: 0.001, max: 9e10, noNaN: true }), (left) => {
    expect(writeTimeout(bytes, 0, left)).toBe(9);
    const written = parseTimeout(bytes, 0, 9);
    expect(written).toBeLessThanOrEqual(left + 1e-9);
    expect(left - written).toBeLessThanOrEqual(left > 99_999_999 ? 1000 : left < 10 ? 0.001 + 1e-9 : 1);
  }));
  writeTimeout(bytes, 0, -5);
  expect(bytes.toString('latin1', 0, 9)).toBe('00000001u');
});

test('what each error of the proxy is to a call of gRPC', () => {
  expect(Object.values<ProxyError>(ERRORS).filter(({ status }) => status > 0)
    .map(({ code, problem, status, grpcStatus }) => `${problem} ${code} ${status}: ${GRPC_STATUS_NAMES[grpcStatus ?? grpcStatusOf(status)]}`))
    .toMatchSnapshot();
});

test('lengths of messages, however their bytes are cut', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
  const sizes = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 12 });
  fc.assert(fc.property(sizes, fc.integer({ min: 1, max: 30 }), cuts, (lengths, limit, pieces) => {
    const bytes = Buffer.concat(lengths.map((length) => Buffer.from([0, 0, 0, 0, length, ...new Array(length).fill(255)])));
    const meter = new MessageMeter();
    meter.start(limit);
    let admitted = true;
    for (let at = 0, piece = 0; at < bytes.length && admitted; piece++) {
      const end = Math.min(bytes.length, at + pieces[piece % pieces.length]);
      admitted = meter.admits(bytes, at, end);
      at = end;
    }
    expect(admitted).toBe(lengths.every((length) => length <= limit));
  }));
  const meter = new MessageMeter();
  meter.start(4_000_000_000);
  expect(meter.admits(Buffer.from([0, 255, 255, 255, 255]), 0, 5)).toBe(false);
});
