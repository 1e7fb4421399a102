import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { actionConfig, routeConfig } from '../support/config';
import { Harness, OK } from '../support/harness';
import { readLlhttp, readOurs, readOursInPieces } from '../support/messages';
import { BAD_RESPONSES, PIECES, REQUESTS, RESPONSES, SMUGGLING } from './corpus';
import { DIFFERENCES, isAllowed } from './differences';

const edits = fc.array(fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.constantFrom(0, 0, 0, 1, 2, 7),
  insert: fc.oneof(fc.constantFrom(...PIECES), fc.constant(''), fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c))),
}), { maxLength: 3 });

const mutated = (messages: readonly string[]) => fc.tuple(
  fc.oneof(fc.constantFrom(...messages), fc.constantFrom(...messages.slice(0, 6))), edits,
).map(([message, changes]) => {
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

describe('beside llhttp, which node:http reads by', () => {
  /** What both accept means the same; what ours alone accepts is in the table. Whether there was anything to compare. */
  function compare(text: string, isResponse: boolean): boolean {
    const bytes = Buffer.from(text, 'latin1');
    const ours = readOurs(bytes, isResponse);
    if (ours.messages.length === 0 || isAllowed(text, ours, 'llhttp')) return false;
    const theirs = readLlhttp(bytes, isResponse);
    expect(theirs.messages.slice(0, ours.messages.length)).toEqual(ours.messages);
    return true;
  }

  test.each<[string, boolean, readonly string[]]>([
    ['requests', false, [...REQUESTS, ...SMUGGLING]], ['answers', true, [...RESPONSES, ...BAD_RESPONSES]],
  ])('%s that parsers have read in two ways', (_what, isResponse, messages) => {
    const compared = messages.filter((text) => compare(text, isResponse)).length;
    expect(compared).toBeGreaterThan(10);
    expect(compared).toBeLessThan(messages.length / 2);
  });

  test.each<[string, boolean, readonly string[]]>([
    ['requests', false, [...REQUESTS, ...SMUGGLING]], ['answers', true, [...RESPONSES, ...BAD_RESPONSES]],
  ])('%s, mutated', (_what, isResponse, messages) => {
    let both = 0;
    fc.assert(fc.property(mutated(messages), (text) => {
      if (compare(text, isResponse)) both++;
    }), runs);
    expect(both).toBeGreaterThan(750);
  });

  test('all the plain messages are accepted by both', () => {
    for (const text of REQUESTS) expect(readOurs(Buffer.from(text, 'latin1'), false).end).toBe('complete');
    for (const text of RESPONSES) expect(readOurs(Buffer.from(text, 'latin1'), true).end).toBe('complete');
    for (const text of REQUESTS) expect(readLlhttp(Buffer.from(text, 'latin1'), false).end).toBe('complete');
  });

  test.each(DIFFERENCES.filter(({ refusedBy }) => refusedBy.includes('llhttp')))('a difference: $what, $clause', ({ applies }) => {
    const read = (text: string) => readOurs(Buffer.from(text, 'latin1'), false);
    const examples = SMUGGLING.filter((text) => read(text).messages.length > 0 && applies(text, read(text)));
    expect(examples).not.toEqual([]);
    for (const text of examples) expect(readLlhttp(Buffer.from(text, 'latin1'), false).end).toBe('refused');
  });

  test('no difference is one from every peer, and each is in the documentation', () => {
    for (const { refusedBy } of DIFFERENCES) expect(refusedBy).toHaveLength(1);
    const [, section] = readFileSync(join(__dirname, '../../../../docs/http.md'), 'utf8').split('## What others refuse');
    const rows = section.split('\n## ')[0].split('\n').filter((line) => line.startsWith('| ')).slice(1);
    expect(rows).toEqual(DIFFERENCES.map(({ what, clause, refusedBy: [peer] }) => `| ${what} | ${peer === 'envoy' ? 'Envoy' : peer} | ${clause} |`));
  });
});

test('a message means the same wherever it is cut: every byte of every message', () => {
  for (const [isResponse, messages] of [[false, [...REQUESTS, ...SMUGGLING]], [true, [...RESPONSES, ...BAD_RESPONSES]]] as const) {
    for (const text of messages) {
      const bytes = Buffer.from(text, 'latin1');
      const whole = readOurs(bytes, isResponse);
      for (let cut = 1; cut < bytes.length; cut++) {
        const inTwo = readOursInPieces([bytes.subarray(0, cut), bytes.subarray(cut)], isResponse);
        if (JSON.stringify(inTwo) !== JSON.stringify(whole)) expect({ text, cut, ...inTwo }).toEqual({ text, cut, ...whole });
      }
      const single = [...bytes].map((_, i) => bytes.subarray(i, i + 1));
      expect(readOursInPieces(single, isResponse)).toEqual(whole);
      // The peer that is compared with reads them so, too.
      if (whole.messages.length > 0 && !isAllowed(text, whole, 'llhttp')) {
        expect(readLlhttp(bytes, isResponse, single).messages.slice(0, whole.messages.length)).toEqual(whole.messages);
      }
    }
  }
});
