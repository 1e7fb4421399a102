import * as fc from 'fast-check';
import { PREFACE } from '../../../../runtime/proxy/http2/protocol';
import { Found, MAX_INSPECTED } from '../../../../runtime/proxy/listener/client-hello';
import { HttpReader } from '../../../../runtime/proxy/listener/http-reader';

function read(text: string, size = text.length) {
  const bytes = Buffer.from(text, 'latin1');
  const reader = new HttpReader();
  let found: Found = Found.More;
  for (let at = 0; at < bytes.length && found === Found.More; at += size) found = reader.read(bytes, at, Math.min(bytes.length, at + size));
  return { found, protocol: reader.protocol };
}

test.each([
  ['GET / HTTP/1.1\r\nhost: a\r\n\r\n', 'http/1.1'],
  ['M-SEARCH * HTTP/1.1\r\n', 'http/1.1'],
  ['POST http://shop/a?b=%20 HTTP/1.0\r\n', 'http/1.0'],
  // What the parser refuses is HTTP all the same: the client gets an answer.
  ['GET / HTTP/1.1\n', 'http/1.1'],
  [PREFACE.toString('latin1'), 'h2c'],
  ['PRI /not HTTP/1.1\r\n', 'http/1.1'],
])('%j is %s, in whatever pieces', (text, protocol) => {
  for (let size = 1; size <= text.length; size++) expect(read(text, size)).toEqual({ found: Found.Yes, protocol });
});

test.each([
  '\0\0\0\x08\x04\xd2\x16\x2f', 'SSH-2.0-OpenSSH_9\r\n', '*1\r\n$4\r\nPING\r\n', 'PING\r\n', 'get key\r\n', 'GET /\r\n', 'GET / HTTP/2.0\r\n', 'GET  HTTP/1.1\r\n',
  ' GET / HTTP/1.1\r\n', '\r\nGET / HTTP/1.1\r\n', 'EHLO shop\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\n', `${'A'.repeat(33)} / HTTP/1.1\r\n`,
])('%j is neither', (text) => {
  expect(read(text).found).toBe(Found.No);
});

test('a line without an end is held for so long only', () => {
  expect(read(`GET /${'a'.repeat(MAX_INSPECTED - 100)}`).found).toBe(Found.More);
  expect(read(`GET /${'a'.repeat(MAX_INSPECTED)}`).found).toBe(Found.TooLong);
});

test('what is said of any bytes does not depend on how they are cut', () => {
  const anything = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.constantFrom('GET / HTTP/1.1\r\n', PREFACE.toString('latin1')));
  fc.assert(fc.property(anything, anything, fc.integer({ min: 1, max: 9 }), (a, b, size) => {
    expect(read(a + b, size)).toEqual(read(a + b));
  }), { numRuns: 500 });
});
