import fc from 'fast-check';
import { actionConfig, routeConfig } from '../support/config';
import { Harness, OK } from '../support/harness';
import { KNOWN_METHODS, readLlhttp, readOurs } from '../support/messages';

/** Valid messages, and pieces that parsers have disagreed about. */
const REQUESTS = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /p?q=1 HTTP/1.1\r\nHost: shop.example:80\r\nContent-Length: 5\r\nX: y\r\n\r\nhello',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b;c="d"\r\nhello\r\n0\r\nT: v\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET http://a:1/b HTTP/1.1\r\nHost: a:1\r\nConnection: keep-alive\r\nAccept: */*\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\n',
  'DELETE /1 HTTP/1.1\r\nhost:a\r\ncontent-length:0\r\nconnection: close\r\n\r\n',
];
const RESPONSES = [
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nServer: x\r\n\r\n2;e="f"\r\nok\r\n0\r\nX-T: 1\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n',
  'HTTP/1.0 200 OK\r\nX: y\r\n\r\nto the end',
  'HTTP/1.1 503 \r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n',
];
const PIECES = [
  '\r', '\n', '\r\n', '\0', ' ', '\t', ':', ';', ',', '"', '\\', '0', '1', 'f', 'x', '+', '-', '%', '#', '/', '@', '[', ']', '{', '\x7f', '\x80', '\xff',
  'Content-Length: 5\r\n', 'Content-Length: 6\r\n', 'content-length:5\r\n', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: gzip\r\n',
  'Transfer-Encoding : chunked\r\n', 'Host: b\r\n', 'X: y\r\n z\r\n', 'chunked', 'HTTP/1.1', 'HTTP/1.0', ', chunked', '\r\n\r\n', '0\r\n\r\n',
];

const edits = fc.array(fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.constantFrom(0, 0, 0, 1, 2, 7),
  insert: fc.oneof(fc.constantFrom(...PIECES), fc.constant(''), fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c))),
}), { maxLength: 3 });

const mutated = (messages: readonly string[]) => fc.tuple(fc.constantFrom(...messages), edits).map(([message, changes]) => {
  let text = message;
  for (const { at, remove, insert } of changes) {
    const from = Math.floor(at * text.length);
    text = text.slice(0, from) + insert + text.slice(from + remove);
  }
  return text;
});

const pieces = (bytes: Buffer, cuts: readonly number[]): Buffer[] => {
  const at = [...new Set([0, ...cuts.map((cut) => Math.floor(cut * bytes.length)), bytes.length])].sort((a, b) => a - b);
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
};

/** Where we accept what llhttp does not, with the clause that allows it. */
function isAllowed(text: string): boolean {
  // RFC 9110 §5.6.3: white space around a value may be a tab; llhttp takes only spaces behind a length.
  if (/^content-length:[^\r\n]*\t[ \t]*\r$/im.test(text)) return true;
  // RFC 9110 §9.1: any token is a method; llhttp knows a list.
  return text.split('\r\n').some((line) => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ \S+ HTTP\/1\.[01]$/.test(line) && !KNOWN_METHODS.has(line.split(' ')[0]));
}

const runs = { numRuns: 6000, seed: 7 };

const ASTERISK = { path: { kind: 'exact' as const, value: '*', ignoreCase: false }, headers: [], queryParams: [], fractionPerMillion: 1e6 };

/** What a client and the upstream see of `bytes` that come in pieces; every complete request is answered. */
async function exchange(parts: readonly Buffer[]): Promise<string[]> {
  const harness = await Harness.start({ routes: [routeConfig(actionConfig()), routeConfig(actionConfig(), { match: ASTERISK })] });
  const { transport } = harness;
  const client = harness.client();
  const answered = new Map<unknown, number>();
  const answer = () => {
    for (let again = true; again;) {
      again = false;
      for (const upstream of transport.connected) {
        const before = answered.get(upstream) ?? 0;
        if (upstream.closed || readOurs(Buffer.from(upstream.received, 'latin1'), false).messages.length <= before) continue;
        answered.set(upstream, before + 1);
        harness.reply(OK, upstream);
        again = true;
      }
    }
  };
  for (const part of parts) {
    client.deliver(part);
    transport.settle();
    answer();
  }
  // Identifiers are random; all else is not.
  const plain = (text: string) => text.replace(/x-request-id: [^\r]*/g, '').replace(/traceparent: [^\r]*/g, '');
  const result = [plain(client.received), ...transport.connected.filter(({ wasReset }) => !wasReset).map(({ received }) => plain(received))];
  result.push(...harness.seen.map(({ method, path, status, detail }) => `${method} ${path} ${status} ${detail}`));
  await harness.close();
  return result;
}

describe('how TCP cuts the bytes', () => {
  test('does not change what they mean: every single cut, and every byte by itself', async () => {
    for (const text of [...REQUESTS, `${REQUESTS[1]}${REQUESTS[3]}${REQUESTS[0]}`]) {
      const bytes = Buffer.from(text, 'latin1');
      const whole = await exchange([bytes]);
      expect(whole.some((line) => line.endsWith('200 via_upstream'))).toBe(true);
      expect(await exchange([...bytes].map((_, i) => bytes.subarray(i, i + 1)))).toEqual(whole);
      for (let cut = 1; cut < bytes.length; cut++) expect(await exchange([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(whole);
    }
  });

  test('nor of messages that are not valid', async () => {
    const cutting = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 });
    await fc.assert(fc.asyncProperty(mutated(REQUESTS), cutting, async (text, cuts) => {
      const bytes = Buffer.from(text, 'latin1');
      expect(await exchange(pieces(bytes, cuts))).toEqual(await exchange([bytes]));
    }), { numRuns: 400, seed: 11 });
  });
});

/** What a client gets of an answer that comes in pieces and then ends; chunks that the proxy made itself are taken apart. */
async function receivedOf(parts: readonly Buffer[], version: string): Promise<string> {
  const harness = await Harness.start();
  const client = harness.send(`GET / HTTP/${version}\r\nhost: a\r\n\r\n`);
  const upstream = harness.transport.last;
  for (const part of parts) {
    if (!upstream.closed) upstream.deliver(part);
    harness.transport.settle();
  }
  if (!upstream.closed) upstream.deliverEnd();
  const { received, wasReset } = client;
  const { status, flag } = harness.seen[0];
  await harness.close();
  const made = /server: [^\r]*\r\ntransfer-encoding: chunked\r\n\r\n/.test(received);
  const plain = made ? `${received.split('\r\n\r\n')[0]}|${readOurs(Buffer.from(received, 'latin1'), true).messages[0].body}` : received;
  return `${plain} ${wasReset} ${status} ${flag}`;
}

test.each(['1.1', '1.0'])('how TCP cuts an answer does not change what a client of HTTP/%s gets', async (version) => {
  const good = RESPONSES.filter((text) => !text.startsWith('HTTP/1.1 304'));
  const bad = ['HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na', 'HTTP/1.1 200 OK\r\nx\r\n\r\n',
    'HTTP/1.1 102 Wait\r\n\r\nHTTP/3 200\r\n\r\n'];
  for (const text of [...good, ...bad]) {
    const bytes = Buffer.from(text, 'latin1');
    const whole = await receivedOf([bytes], version);
    for (let cut = 1; cut < bytes.length; cut++) expect(await receivedOf([bytes.subarray(0, cut), bytes.subarray(cut)], version)).toBe(whole);
    expect(await receivedOf([...bytes].map((_, i) => bytes.subarray(i, i + 1)), version)).toBe(whole);
  }
});

describe('beside llhttp', () => {
  test('requests: nothing is accepted that llhttp refuses, and what both accept means the same', () => {
    let both = 0;
    fc.assert(fc.property(mutated(REQUESTS), (text) => {
      const bytes = Buffer.from(text, 'latin1');
      const ours = readOurs(bytes, false);
      if (ours.messages.length === 0 || isAllowed(text)) return;
      const theirs = readLlhttp(bytes, false);
      const common = theirs.messages.slice(0, ours.messages.length);
      expect(common).toEqual(ours.messages);
      both++;
    }), runs);
    expect(both).toBeGreaterThan(1000);
  });

  test('responses: the same', () => {
    let both = 0;
    fc.assert(fc.property(mutated(RESPONSES), (text) => {
      const bytes = Buffer.from(text, 'latin1');
      const ours = readOurs(bytes, true);
      if (ours.messages.length === 0 || isAllowed(text)) return;
      const theirs = readLlhttp(bytes, true);
      // A body that ends with its connection is not complete to llhttp before it is told of the end.
      const common = theirs.messages.slice(0, ours.messages.length);
      expect(common).toEqual(ours.messages.slice(0, common.length));
      expect(common.length).toBeGreaterThanOrEqual(ours.messages.length - 1);
      if (theirs.end === 'refused') expect(common).toEqual(ours.messages);
      both++;
    }), runs);
    expect(both).toBeGreaterThan(1000);
  });

  test('all the unchanged messages are accepted by both', () => {
    for (const text of REQUESTS) expect(readOurs(Buffer.from(text, 'latin1'), false).end).toBe('complete');
    for (const text of RESPONSES) expect(readOurs(Buffer.from(text, 'latin1'), true).end).toBe('complete');
    for (const text of REQUESTS) expect(readLlhttp(Buffer.from(text, 'latin1'), false).end).toBe('complete');
  });
});
