import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Harness, OK, parseAnswer } from './support/harness';

/** Runs every row of docs/http.md, so that the document cannot say what the proxy does not do. */

const text = readFileSync(join(__dirname, '../../../docs/http.md'), 'utf8');

interface Row {
  readonly sent: string;
  readonly becomes: string;
}

function rowsOf(title: string): Row[] {
  const section = text.split(`## ${title}`)[1].split('\n## ')[0];
  const rows = section.split('\n').filter((line) => line.startsWith('| `') || line.startsWith('| chunks') || line.startsWith('| no '));
  return rows.map((line) => {
    const [sent, becomes, because] = line.slice(2).split(' | ');
    if (because === undefined) throw new Error(`no row: ${line}`);
    return { sent, becomes };
  });
}

/** What stands in backquotes, its escapes and repetitions resolved. */
function codes(cell: string): string[] {
  return [...cell.matchAll(/`([^`]*)`/g)].map(([, code]) => code
    .replace(/(\\[rn0]|.)×(\d+)/g, (_, unit: string, count) => unit.repeat(Number(count)))
    .replace(/\\t/g, '\t').replace(/\\r/g, '\r').replace(/\\n/g, '\n').replace(/\\0/g, '\0'));
}

/** The message that a cell describes. */
function messageOf(cell: string, line: string): string {
  const old = cell.includes('in HTTP/1.0');
  const [first, ...more] = codes(cell);
  const start = old ? line.replace('HTTP/1.1', 'HTTP/1.0') : line;
  if (cell.startsWith('no `host`')) return 'GET / HTTP/1.1\r\n\r\n';
  if (cell.startsWith('chunks')) return `${line.replace('GET', 'POST')}\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${first}`;
  if (/^(\r\n)?([A-Z]+ |HTTP\/|ICY )/.test(first)) {
    const body = line.startsWith('HTTP') && more.length === 0 ? 'content-length: 2\r\n\r\nok' : `${more.map((header) => `${header}\r\n`).join('')}\r\n`;
    return line.startsWith('HTTP') ? `${first}\r\n${body}` : `${first}\r\nhost: a\r\n\r\n`;
  }
  const repeated = / twice$/.test(cell) ? [first, first] : [first, ...more];
  const times = Number(/×(\d+)$/.exec(cell)?.[1] ?? 1);
  const headers = repeated.flatMap((header) => Array.from({ length: times }, () => header));
  const isHost = first.startsWith('host:');
  const host = isHost || line.startsWith('HTTP') ? '' : 'host: a\r\n';
  const length = line.startsWith('HTTP') && !headers.some((header) => /^(content-length|transfer-encoding)/.test(header)) ? 'content-length: 2\r\n' : '';
  return `${start}\r\n${host}${headers.map((header) => `${header}\r\n`).join('')}${length}\r\n${line.startsWith('HTTP') ? 'ok' : 'hello'}`;
}

let harness: Harness;
beforeEach(async () => { harness = await Harness.start({ listener: { websocket: false } }); });
afterEach(async () => harness.close());

/** `sends x` and `drops x` of the second column, looked for in what went on. */
function checkPassed(becomes: string, passed: string): void {
  for (const [, verb, what] of becomes.matchAll(/(sends|drops) (`[^`]*`|the extensions)/g)) {
    const wanted = what === 'the extensions' ? ';a=b;c="d"' : codes(what)[0];
    if (verb === 'sends') expect(passed).toContain(wanted);
    else expect(passed.toLowerCase()).not.toContain(`\r\n${wanted}:`);
  }
}

const requests = rowsOf('Requests of HTTP/1.1 and HTTP/1.0');
test.each(requests.map(({ sent, becomes }): [string, string] => [sent, becomes]))('request %s: %s', (sent, becomes) => {
  const client = harness.send(messageOf(sent, 'GET / HTTP/1.1'));
  const status = Number(/^\d+/.exec(becomes)![0]);
  const upstream = harness.transport.connected.at(-1);
  if (status === 200) {
    expect(upstream?.received ?? '').toMatch(/^[A-Z]+ \S+ HTTP\/1\.1\r\n/);
    checkPassed(becomes, upstream!.received);
    harness.reply(OK);
  } else {
    expect(upstream === undefined || upstream.wasReset || upstream.received === '').toBe(true);
  }
  const answer = parseAnswer(client.received);
  expect(answer.status).toBe(status);
  expect(answer.headers.connection).toBe(becomes.includes('closes') ? 'close' : undefined);
});

const answers = rowsOf('Answers of upstreams of HTTP/1.1 and HTTP/1.0');
test.each(answers.map(({ sent, becomes }): [string, string] => [sent, becomes]))('answer %s: %s', (sent, becomes) => {
  const client = harness.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  const message = messageOf(sent, 'HTTP/1.1 200 OK');
  harness.reply(message.replace(/^HTTP\/1\.1 200 OK\r\nhost: a\r\n/, 'HTTP/1.1 200 OK\r\n'));
  const statuses = [...becomes.matchAll(/\b\d{3}\b/g)].map(([status]) => status);
  const got = [...client.received.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => status);
  expect(got).toEqual(statuses);
  if (statuses[0] !== '502') checkPassed(becomes, client.received);
});

test('the tables are there', () => {
  expect(requests.length).toBeGreaterThan(55);
  expect(answers.length).toBeGreaterThan(20);
});

test('limits: the document\'s defaults are the code\'s', async () => {
  const { MAX_HEADERS, MAX_TARGET } = await import('../../../runtime/proxy/http1/head');
  const { MAX_EXTENSION_BYTES, MAX_TRAILER_BYTES } = await import('../../../runtime/proxy/http1/chunked');
  const limit = (what: string): string => new RegExp(`^\\| ${what} \\| ([^|]+) \\|`, 'm').exec(text)![1];
  expect(limit('header lines')).toBe(String(MAX_HEADERS));
  expect(limit('request target')).toBe(`${MAX_TARGET / 1024} KiB`);
  expect(limit('chunk extensions of a message')).toBe(`${MAX_EXTENSION_BYTES / 1024} KiB`);
  expect(limit('trailer section')).toBe(`${MAX_TRAILER_BYTES / 1024} KiB`);
});
