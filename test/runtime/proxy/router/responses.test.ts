import { NO_HEADERS, actionConfig, routeConfig } from '../support/config';
import { GET, Harness, OK, parseAnswer } from '../support/harness';

let harness: Harness;
beforeEach(async () => { harness = await Harness.start(); });
afterEach(async () => harness.close());

describe('what the upstream says', () => {
  test('header bytes pass untouched and in order, hop-by-hop headers and those named by Connection do not', () => {
    const client = harness.send(GET);
    harness.reply('HTTP/1.1 207 Multi  Status\r\nX-A:1\r\nDate: Mon, 23 Nov 2026 16:00:00 GMT\r\nConnection: X-Internal, keep-alive\r\nX-Internal: 10.0.0.1\r\n'
      + 'Keep-Alive: timeout=5\r\nx-a:  2 \r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok');
    expect(client.received).toBe('HTTP/1.1 207 Multi  Status\r\nX-A:1\r\nDate: Mon, 23 Nov 2026 16:00:00 GMT\r\nx-a:  2 \r\nSet-Cookie: a\r\nSet-Cookie: b\r\n'
      + 'Content-Length: 2\r\nserver: meshwright\r\n\r\nok');
    expect(harness.seen).toMatchObject([{ status: 207, flag: undefined, detail: 'via_upstream', tries: 1, host: '127.0.0.1:9001' }]);
  });

  test.each<[string, string, string]>([
    ['overwrite', 'server: other\r\n', 'server: meshwright\r\n'],
    ['overwrite', '', 'server: meshwright\r\n'],
    ['append_if_absent', 'server: other\r\n', 'server: other\r\n'],
    ['append_if_absent', '', 'server: meshwright\r\n'],
    ['pass_through', 'server: other\r\n', 'server: other\r\n'],
    ['pass_through', '', ''],
  ])('server header: %s, %j becomes %j', async (serverHeader, given, expected) => {
    const own = await Harness.start({ listener: { serverHeader: serverHeader as 'overwrite' } });
    const client = own.send(GET);
    own.reply(`HTTP/1.1 204 No Content\r\n${given}date: x\r\n\r\n`);
    expect(client.received).toBe(`HTTP/1.1 204 No Content\r\n${serverHeader === 'overwrite' || given === '' ? 'date: x\r\n' + expected : expected + 'date: x\r\n'}\r\n`);
    await own.close();
  });

  test('chunks pass as they are, extensions and trailers included', () => {
    const client = harness.send(GET);
    const body = '3;a=b;c="d\\"e"\r\nabc\r\n0A\r\n0123456789\r\n0;last\r\nX-Digest: 1\r\n\r\n';
    harness.transport.last.deliver(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${body}`, 1);
    harness.transport.settle();
    expect(parseAnswer(client.received).body).toBe(body);
    harness.send(GET, client);
    expect(harness.transport.connected).toHaveLength(1);
  });

  test('a body that ends with its connection goes on in chunks', () => {
    const client = harness.send(GET);
    harness.reply('HTTP/1.0 200 OK\r\n\r\nabc');
    harness.reply('defgh');
    harness.transport.last.deliverEnd();
    const { headers, body } = parseAnswer(client.received);
    expect(headers['transfer-encoding']).toBe('chunked');
    expect(body).toBe('3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n');
    expect(client.closed).toBe(false);
    expect(harness.transport.last.closed).toBe(true);
  });

  test('a body that ends with its connection, broken off by a reset, never looks complete', () => {
    const client = harness.send(GET);
    harness.reply('HTTP/1.1 200 OK\r\n\r\nabc');
    harness.transport.last.deliverReset();
    expect(client.received.endsWith('3\r\nabc\r\n')).toBe(true);
    expect(client.wasReset).toBe(true);
    expect(harness.seen).toMatchObject([{ status: 200, flag: 'UC' }]);
  });

  test('HEAD, 204 and 304 have no body, whatever their headers say', () => {
    const client = harness.send('HEAD / HTTP/1.1\r\nhost: a\r\n\r\n');
    harness.reply('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
    expect(parseAnswer(client.takeReceived()).headers['content-length']).toBe('1000');
    harness.send(GET, client);
    harness.reply('HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\n\r\n');
    expect(parseAnswer(client.takeReceived()).status).toBe(304);
    harness.send(GET, client);
    harness.reply('HTTP/1.1 204 No Content\r\n\r\n');
    expect(parseAnswer(client.takeReceived()).status).toBe(204);
    harness.send('HEAD / HTTP/1.1\r\nhost: a\r\n\r\n', client);
    harness.reply('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
    expect(parseAnswer(client.takeReceived()).status).toBe(200);
    expect(harness.transport.connected).toHaveLength(1);
  });

  test('every interim answer passes on, to a client that can know them', () => {
    const client = harness.send('POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n');
    expect(harness.transport.last.received).toContain('expect: 100-continue\r\n');
    harness.reply('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n');
    expect(client.takeReceived()).toBe('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n');
    harness.send('hi', client);
    harness.reply(`HTTP/1.1 102 Processing\r\n\r\n${OK}`);
    expect(client.takeReceived()).toMatch(/^HTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    const old = harness.send('GET / HTTP/1.0\r\n\r\n');
    harness.reply(`HTTP/1.1 103 Early Hints\r\n\r\n${OK}`);
    expect(old.received).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  test('an upstream that has nothing but interim answers is given up', () => {
    const client = harness.send(GET);
    harness.reply('HTTP/1.1 102 Processing\r\n\r\n'.repeat(16));
    expect(client.takeReceived()).toBe('HTTP/1.1 102 Processing\r\n\r\n'.repeat(16));
    harness.reply('HTTP/1.1 102 Processing\r\n\r\n');
    expect(parseAnswer(client.received)).toMatchObject({ status: 502 });
    expect(harness.transport.last.closed).toBe(true);
  });

  test('an early final answer goes out at once and closes after it', () => {
    const client = harness.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nabc');
    harness.reply('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n');
    const { status, headers } = parseAnswer(client.received);
    expect([status, headers.connection]).toEqual([401, 'close']);
    expect(client.shutDown).toBe(true);
    expect(harness.transport.last.closed).toBe(true);
    // The rest is read and dropped, so that no reset overtakes the answer; not for ever.
    harness.send('x'.repeat(500), client);
    expect(client.closed).toBe(false);
    harness.advance(1000);
    expect(client.closed).toBe(true);
  });

  test('bytes after the answer close the connection they came on', () => {
    const client = harness.send(GET);
    harness.reply(`${OK}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil`);
    expect(parseAnswer(client.received).body).toBe('ok');
    expect(harness.transport.last.closed).toBe(true);
    harness.send(GET, client);
    expect(harness.transport.connected).toHaveLength(2);
  });

  test('an answer nobody asked for closes the connection', () => {
    harness.send(GET);
    harness.reply(OK);
    harness.reply(OK);
    expect(harness.transport.last.closed).toBe(true);
    expect(harness.cluster.connections).toBe(0);
  });
});

describe('answers that could be read in two ways are 502, and nothing of them passes', () => {
  test.each([
    ['length and coding', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok'],
    ['an odd length', 'HTTP/1.1 200 OK\r\ncontent-length: 2x\r\n\r\nok'],
    ['an unknown coding', 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['a coding in HTTP/1.0', 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['bare LF', 'HTTP/1.1 200 OK\ncontent-length: 2\n\nok'],
    ['obs-fold', 'HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n'],
    ['a space before the colon', 'HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n'],
    ['NUL', 'HTTP/1.1 200 OK\r\nx: \0\r\ncontent-length: 0\r\n\r\n'],
    ['no status', 'HTTP/1.1 OK\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['another protocol', 'ICY 200 OK\r\nserver: x\r\n\r\n'],
    ['HTTP/2', 'HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n'],
    ['a bad chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
    ['204 with a body', 'HTTP/1.1 204 No Content\r\ncontent-length: 3\r\n\r\nabc'],
    ['an interim answer with a length', 'HTTP/1.1 100 Continue\r\ncontent-length: 3\r\n\r\nabc'],
    ['a switch nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'],
    ['a head without end', `HTTP/1.1 200 OK\r\n${`x: ${'y'.repeat(7000)}\r\n`.repeat(10)}`],
  ])('%s', (_what, bytes) => {
    const client = harness.send(GET);
    harness.reply(bytes);
    const { status, body, headers } = parseAnswer(client.received);
    expect(status).toBe(502);
    expect(JSON.parse(body)).toMatchObject({ status: 502, service: 'payment', type: 'https://meshwright.dev/problems/upstream-protocol' });
    expect(body).not.toContain('127.0.0.1');
    expect(headers.connection).toBeUndefined();
    expect(harness.transport.last.closed).toBe(true);
    expect(harness.seen).toMatchObject([{ status: 502, flag: 'UPE', detail: 'upstream_protocol_error' }]);
  });

  test('a bad chunk after the head has passed breaks the answer off', () => {
    const client = harness.send(GET);
    harness.reply('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n');
    harness.reply('zz\r\n');
    expect(client.wasReset).toBe(true);
    expect(client.received).not.toContain('zz');
    expect(harness.seen).toMatchObject([{ status: 200, flag: 'UPE' }]);
  });

  test('an answer that ends early breaks off, too', () => {
    const client = harness.send(GET);
    harness.reply('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc');
    harness.transport.last.deliverEnd();
    expect(client.wasReset).toBe(true);
    expect(harness.cluster.stats.cxDestroyWithActiveRq).toBe(1);
  });
});

describe('header changes of the configuration', () => {
  test('request: remove, then set, then append; framing and Host are not theirs', async () => {
    const requestHeaders = {
      remove: ['x-gone', 'content-length', 'host'], set: [{ name: 'x-set', value: 'new' }], append: [{ name: 'x-more', value: 'b' }],
    };
    const own = await Harness.start({ routes: [routeConfig(actionConfig({ hostRewrite: 'inner.shop' }), { requestHeaders })] });
    own.send('POST / HTTP/1.1\r\nhost: a\r\nX-Gone: 1\r\nx-set: 1\r\nX-Set: 2\r\nx-more: a\r\ncontent-length: 1\r\n\r\nx');
    const saw = own.transport.last.received;
    expect(saw).not.toMatch(/x-gone/i);
    expect(saw.match(/x-set: [^\r]*/gi)).toEqual(['x-set: new']);
    expect(saw.match(/x-more: [^\r]*/gi)).toEqual(['x-more: a', 'x-more: b']);
    expect(saw).toContain('host: inner.shop\r\n');
    expect(saw).not.toContain('host: a\r\n');
    expect(saw).toContain('content-length: 1\r\n');
    await own.close();
  });

  test('response: the same', async () => {
    const responseHeaders = { remove: ['x-gone'], set: [{ name: 'x-set', value: 'new' }], append: [{ name: 'x-more', value: 'b' }] };
    const own = await Harness.start({ routes: [routeConfig(actionConfig(), { responseHeaders })] });
    const client = own.send(GET);
    own.reply('HTTP/1.1 200 OK\r\nx-gone: 1\r\nx-set: 1\r\nx-more: a\r\ndate: x\r\nserver: y\r\ncontent-length: 0\r\n\r\n');
    expect(client.received).toBe('HTTP/1.1 200 OK\r\nx-more: a\r\ndate: x\r\ncontent-length: 0\r\nserver: meshwright\r\nx-set: new\r\nx-more: b\r\n\r\n');
    await own.close();
  });

  test('a prefix rewrite changes the path upstream; the log keeps what the client sent', async () => {
    const match = { path: { kind: 'prefix' as const, value: '/api/', ignoreCase: false }, headers: [], queryParams: [], fractionPerMillion: 1e6 };
    const own = await Harness.start({ routes: [routeConfig(actionConfig({ rewrite: { kind: 'prefix', value: '/' } }), { match })] });
    own.send('GET /api/items?x=1 HTTP/1.1\r\nhost: a\r\n\r\n');
    expect(own.transport.last.received.startsWith('GET /items?x=1 HTTP/1.1\r\n')).toBe(true);
    own.reply(OK);
    expect(own.seen[0].path).toBe('/api/items?x=1');
    await own.close();
  });

  test('x-forwarded-for and -proto by use_remote_address', async () => {
    const own = await Harness.start({ listener: { useRemoteAddress: true } });
    const client = own.send('GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 1.2.3.4\r\nx-forwarded-proto: https\r\n\r\n');
    expect(own.transport.last.takeReceived()).toMatch(/x-forwarded-for: 1\.2\.3\.4,127\.0\.0\.1\r\n(?:(?!x-forwarded-proto: https).)*x-forwarded-proto: http\r\n/s);
    own.reply(OK);
    own.send(GET, client);
    expect(own.transport.last.takeReceived()).toContain('x-forwarded-for: 127.0.0.1\r\n');
    await own.close();
    harness.send('GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-proto: https\r\n\r\n');
    expect(harness.transport.last.received).toContain('x-forwarded-proto: https\r\n');
    expect(harness.transport.last.received).not.toContain('x-forwarded-for');
  });
});

describe('answers of the proxy itself', () => {
  test('no route, an unknown cluster, redirect and direct response', async () => {
    const at = (value: string) => ({ path: { kind: 'exact' as const, value, ignoreCase: false }, headers: [], queryParams: [], fractionPerMillion: 1e6 });
    const own = await Harness.start({
      routes: [
        routeConfig({ kind: 'redirect', scheme: undefined, host: 'b', port: undefined, path: '/new', rewrite: undefined, statusCode: 308, stripQuery: false },
          { match: at('/old'), responseHeaders: { ...NO_HEADERS, set: [{ name: 'x-why', value: 'moved' }] } }),
        routeConfig({ kind: 'direct', statusCode: 200, body: Buffer.from('hello') }, { match: at('/direct') }),
        routeConfig(actionConfig({ clusters: [{ cluster: 'gone', weight: 1, requestHeaders: NO_HEADERS, responseHeaders: NO_HEADERS }], clusterNotFoundStatus: 500 }),
          { match: at('/gone') }),
      ],
    });
    const client = own.client();
    const ask = (path: string, method = 'GET') => parseAnswer(own.send(`${method} ${path} HTTP/1.1\r\nhost: a\r\n\r\n`, client).takeReceived());
    expect(ask('/none')).toMatchObject({ status: 404, headers: { 'content-type': 'application/problem+json', 'server': 'meshwright' } });
    expect(ask('/old')).toMatchObject({ status: 308, headers: { 'location': 'http://b/new', 'x-why': 'moved', 'content-length': '0' }, body: '' });
    expect(ask('/direct')).toMatchObject({ status: 200, headers: { 'content-type': 'text/plain' }, body: 'hello' });
    expect(ask('/direct', 'HEAD')).toMatchObject({ status: 200, headers: { 'content-length': '5' }, body: '' });
    const gone = ask('/gone');
    expect(gone.status).toBe(500);
    expect(JSON.parse(gone.body)).toMatchObject({ status: 500, policy: 'route', service: 'gone' });
    expect(client.closed).toBe(false);
    expect(own.seen.map(({ status, flag }) => [status, flag])).toEqual([[404, 'NR'], [308, undefined], [200, undefined], [200, undefined], [500, 'NC']]);
    await own.close();
  });

  test('HTTP/1.0 where it is not accepted is 426', async () => {
    const own = await Harness.start({ listener: { acceptHttp10: false } });
    const client = own.send('GET / HTTP/1.0\r\nhost: a\r\n\r\n');
    expect(parseAnswer(client.received)).toMatchObject({ status: 426, headers: { upgrade: 'HTTP/1.1', connection: 'close' } });
    await own.close();
  });
});
