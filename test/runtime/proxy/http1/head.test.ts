import { Head } from '../../../../runtime/proxy/http1/head';

test('several lines of one name are one value: joined by commas, cookies by "; " (RFC 9113 section 8.2.3)', () => {
  const head = new Head();
  const bytes = Buffer.from('GET / HTTP/1.1\r\nhost: a\r\ncookie: a=1\r\nx: 1\r\nCookie: b=2\r\nX: 2\r\n\r\n');
  expect(head.parseRequest(bytes, 0, bytes.length)).toBe(bytes.length);
  expect(head.header('cookie')).toBe('a=1; b=2');
  expect(head.header('x')).toBe('1,2');
  expect(head.header('y')).toBeUndefined();
});
