import * as fc from 'fast-check';
import { MessageReader, writeMessage, type Message } from '../../testing/http1';

function read(kind: 'request' | 'response', parts: readonly Buffer[], bodiless = false): Message[] {
  const messages: Message[] = [];
  const reader = new MessageReader(kind, (message) => messages.push(message), () => bodiless);
  for (const part of parts) reader.feed(part);
  return messages;
}

test('whatever way the bytes are cut, the messages are the same', () => {
  const bytes = Buffer.concat([
    writeMessage('POST /a HTTP/1.1', { 'host': 'x', 'x-a': '1' }, Buffer.from('héllo')),
    Buffer.from('PUT /b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n'),
    writeMessage('POST /t HTTP/1.1', { host: 'x' }, Buffer.from('abc'), { 'grpc-status': '0', 'x-b': '2' }),
    writeMessage('GET /c HTTP/1.1', { host: 'x' }, Buffer.alloc(0)),
  ]);
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 20 }), (cuts) => {
    const at = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
    const messages = read('request', at.slice(1).map((end, index) => bytes.subarray(at[index], end)));
    expect(messages.map(({ method, target, body, trailers }) => `${method} ${target} ${body} ${JSON.stringify(trailers)}`)).toEqual([
      'POST /a héllo {}', 'PUT /b abc0123456789abcdef {}', 'POST /t abc {"grpc-status":"0","x-b":"2"}', 'GET /c  {}',
    ]);
  }));
});

test('a response without a length ends with its connection; 1xx is no answer; HEAD has no body', () => {
  const messages: Message[] = [];
  const reader = new MessageReader('response', (message) => messages.push(message));
  reader.feed(Buffer.from('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nx: 1\r\nx: 2\r\n\r\nab'));
  expect(messages).toEqual([]);
  expect(reader.end()).toBe(true);
  expect(messages).toEqual([{ method: '', target: '', status: 200, headers: { x: '1, 2' }, body: 'ab', bytes: Buffer.from('ab'), trailers: {} }]);
  expect(read('response', [Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n')], true)).toHaveLength(1);
});

test('an end in the middle of a message is one', () => {
  const reader = new MessageReader('response', () => {});
  reader.feed(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab'));
  expect(reader.end()).toBe(false);
});

test.each([
  ['HTTP/1.0 200 OK\r\n\r\n', 'no response line'],
  ['HTTP/1.1 200 OK\r\nbad header: x\r\n\r\n', 'no header field'],
  ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n', 'no chunk size'],
  ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n', 'content-length beside transfer-encoding'],
])('%j is no HTTP/1.1', (text, message) => {
  expect(() => read('response', [Buffer.from(text)])).toThrow(message);
});
