import { actionConfig, routeConfig } from '../support/config';
import { GET, Harness, OK, parseAnswer } from '../support/harness';

let harness: Harness;
beforeEach(async () => { harness = await Harness.start(); });
afterEach(async () => harness.close());

const upstreamSaw = (): string => harness.transport.last.received;

describe('requests that could be read in two ways are refused, and their connection closes', () => {
  test.each<[string, string, number]>([
    ['length and coding', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    ['coding and length', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n', 400],
    ['two lengths that differ', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello', 400],
    ['two equal lengths', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello', 400],
    ['a list of lengths', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5, 5\r\n\r\nhello', 400],
    ['a signed length', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +5\r\n\r\nhello', 400],
    ['a negative length', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -5\r\n\r\nhello', 400],
    ['a hexadecimal length', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0x5\r\n\r\nhello', 400],
    ['an empty length', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length:\r\n\r\nhello', 400],
    ['a length beyond exact numbers', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n', 400],
    ['a length with white space inside', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1 0\r\n\r\n', 400],
    ['chunked twice', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n', 400],
    ['two codings in two lines', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    ['chunked not last', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n', 400],
    ['a coding alone', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n', 400],
    ['an unknown coding before chunked', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 501],
    ['a disguised coding', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n', 400],
    ['a quoted coding', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: "chunked"\r\n\r\n0\r\n\r\n', 400],
    ['chunked in HTTP/1.0', 'POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    ['bare LF', 'GET / HTTP/1.1\nhost: a\n\n', 400],
    ['bare LF in headers', 'GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n', 400],
    ['bare CR in a value', 'GET / HTTP/1.1\r\nhost: a\r\nx: y\rz\r\n\r\n', 400],
    ['bare CR before the end', 'GET / HTTP/1.1\r\nhost: a\r\n\rx\r\n\r\n', 400],
    ['obs-fold', 'GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n z\r\n\r\n', 400],
    ['a folded first line', 'GET / HTTP/1.1\r\n host: a\r\n\r\n', 400],
    ['a space before the colon', 'GET / HTTP/1.1\r\nhost : a\r\n\r\n', 400],
    ['a tab before the colon', 'GET / HTTP/1.1\r\nhost: a\r\ncontent-length\t: 3\r\n\r\nabc', 400],
    ['no colon', 'GET / HTTP/1.1\r\nhost: a\r\nnothing\r\n\r\n', 400],
    ['an empty name', 'GET / HTTP/1.1\r\nhost: a\r\n: v\r\n\r\n', 400],
    ['a name with a brace', 'GET / HTTP/1.1\r\nhost: a\r\nx{: v\r\n\r\n', 400],
    ['a name outside of ASCII', 'GET / HTTP/1.1\r\nhost: a\r\nx\xe4: v\r\n\r\n', 400],
    ['NUL in a value', 'GET / HTTP/1.1\r\nhost: a\r\nx: y\0z\r\n\r\n', 400],
    ['NUL in a name', 'GET / HTTP/1.1\r\nhost: a\r\nx\0: y\r\n\r\n', 400],
    ['NUL in the target', 'GET /\0 HTTP/1.1\r\nhost: a\r\n\r\n', 400],
    ['a control character in a value', 'GET / HTTP/1.1\r\nhost: a\r\nx: \x07\r\n\r\n', 400],
    ['DEL in a value', 'GET / HTTP/1.1\r\nhost: a\r\nx: \x7f\r\n\r\n', 400],
    ['no host', 'GET / HTTP/1.1\r\nx: y\r\n\r\n', 400],
    ['two hosts', 'GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n', 400],
    ['two hosts in HTTP/1.0', 'GET / HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n', 400],
    ['an empty host', 'GET / HTTP/1.1\r\nhost:\r\n\r\n', 400],
    ['a host with a path', 'GET / HTTP/1.1\r\nhost: a/b\r\n\r\n', 400],
    ['a host with user information', 'GET / HTTP/1.1\r\nhost: u@a\r\n\r\n', 400],
    ['a host with a space', 'GET / HTTP/1.1\r\nhost: a b\r\n\r\n', 400],
    ['a host with a bad port', 'GET / HTTP/1.1\r\nhost: a:b\r\n\r\n', 400],
    ['a host with a port too large', 'GET / HTTP/1.1\r\nhost: a:70000\r\n\r\n', 400],
    ['a host with an open bracket', 'GET / HTTP/1.1\r\nhost: [::1\r\n\r\n', 400],
    ['a fragment in the target', 'GET /a#b HTTP/1.1\r\nhost: a\r\n\r\n', 400],
    ['a relative target', 'GET a HTTP/1.1\r\nhost: a\r\n\r\n', 400],
    ['an asterisk for GET', 'GET * HTTP/1.1\r\nhost: a\r\n\r\n', 400],
    ['another scheme', 'GET ftp://a/ HTTP/1.1\r\nhost: a\r\n\r\n', 400],
    ['user information in the target', 'GET http://u:p@a/ HTTP/1.1\r\nhost: a\r\n\r\n', 400],
    ['no authority in the target', 'GET http:///x HTTP/1.1\r\nhost: a\r\n\r\n', 400],
    ['two spaces', 'GET  / HTTP/1.1\r\nhost: a\r\n\r\n', 400],
    ['a space at the end of the line', 'GET / HTTP/1.1 \r\nhost: a\r\n\r\n', 400],
    ['a tab for a space', 'GET\t/ HTTP/1.1\r\nhost: a\r\n\r\n', 400],
    ['no version', 'GET /\r\nhost: a\r\n\r\n', 400],
    ['a version in lower case', 'GET / http/1.1\r\nhost: a\r\n\r\n', 400],
    ['a version with two digits', 'GET / HTTP/1.10\r\nhost: a\r\n\r\n', 400],
    ['HTTP/2 without its preface', 'GET / HTTP/2.0\r\nhost: a\r\n\r\n', 505],
    ['HTTP/1.2', 'GET / HTTP/1.2\r\nhost: a\r\n\r\n', 505],
    ['a long target', `GET /${'a'.repeat(9000)} HTTP/1.1\r\nhost: a\r\n\r\n`, 414],
    ['a long target that does not end', `GET /${'a'.repeat(9000)}`, 414],
    ['large headers', `GET / HTTP/1.1\r\nhost: a\r\n${`x: ${'y'.repeat(7000)}\r\n`.repeat(9)}\r\n`, 431],
    ['many headers', `GET / HTTP/1.1\r\nhost: a\r\n${'x: y\r\n'.repeat(120)}\r\n`, 431],
    ['Connection that names more headers than there can be', `GET / HTTP/1.1\r\nhost: a\r\nconnection: ${'a,'.repeat(101)}\r\n\r\n`, 400],
    ['a method that is no token', 'G@T / HTTP/1.1\r\nhost: a\r\n\r\n', 400],
    ['a chunk size that is none', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nx\r\n', 400],
    ['a chunk size with a sign', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n', 400],
    ['a chunk size with 0x', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n', 400],
    ['a chunk size beyond counting', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffff\r\n', 400],
    ['a space after the chunk size', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n', 400],
    ['a bare LF after the chunk size', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n', 400],
    ['chunk data that is too long', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n', 400],
    ['a bare LF in a chunk extension', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1;a\nb\r\na\r\n0\r\n\r\n', 400],
    ['extensions without end', `POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1;${'e'.repeat(9000)}\r\na\r\n0\r\n\r\n`, 400],
    ['a trailer that frames', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nContent-Length: 4\r\n\r\n', 400],
    ['a trailer with a space before the colon', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx : y\r\n\r\n', 400],
    ['a folded trailer', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: y\r\n z\r\n\r\n', 400],
  ])('%s', (_what, bytes, status) => {
    for (const cut of [65_536, 1]) {
      const client = harness.client();
      client.deliver(bytes, cut);
      harness.transport.settle();
      const { status: got, headers, body } = parseAnswer(client.received);
      expect(got).toBe(status);
      expect(headers.connection).toBe('close');
      expect(headers['content-type']).toBe('application/problem+json');
      expect(JSON.parse(body)).toMatchObject({ status, type: expect.stringMatching(/^https:\/\/meshwright\.dev\/problems\//) });
      expect(client.shutDown || client.closed).toBe(true);
    }
    // Nothing of it reached an upstream as a complete request.
    for (const upstream of harness.transport.connected) expect(upstream.wasReset || upstream.received === '').toBe(true);
    expect(harness.seen).toHaveLength(2);
    expect(harness.manager.stats.cxProtocolError).toBe(2);
    expect(harness.manager.stats.rqActive).toBe(0);
  });
});

test('a refused request is logged as the client wrote it, where that can be read', () => {
  harness.send('PUT /x?y HTTP/1.1\r\nHost: A\r\ncontent-length: 1\r\ncontent-length: 1\r\nuser-agent: me\r\n\r\n');
  harness.send('GET / HTTP/1.1\r\nbroken\r\n\r\n');
  expect(harness.seen).toMatchObject([
    { method: 'PUT', path: '/x?y', authority: 'A', userAgent: 'me', status: 400 }, { method: '', path: '', authority: '', userAgent: '', status: 400 },
  ]);
});

describe('what goes upstream', () => {
  test('header bytes that are valid pass untouched and in order', () => {
    const lines = 'Host: Shop.Example:8080\r\nX-A:1\r\nx-b:   two  words \t\r\nX-A: \xe4\xff\r\nCookie: a=b; c="d"\r\nempty:\r\n';
    harness.send(`GET /p?q=%20&r HTTP/1.1\r\n${lines}\r\n`);
    expect(upstreamSaw().startsWith(`GET /p?q=%20&r HTTP/1.1\r\n${lines}`)).toBe(true);
  });

  test('hop-by-hop headers and those that Connection names stay here; what frames, routes or identifies cannot be named away', () => {
    harness.send('POST / HTTP/1.1\r\nhost: a\r\nconnection: close, X-Secret, host, content-length, x-request-id, traceparent, transfer-encoding\r\n'
      + 'x-secret: 1\r\nkeep-alive: timeout=5\r\nproxy-connection: keep-alive\r\nte: trailers\r\nupgrade: h2c\r\ncontent-length: 2\r\n'
      + 'x-request-id: id-1\r\nx-kept: 1\r\n\r\nhi');
    const saw = upstreamSaw();
    for (const gone of ['connection:', 'x-secret', 'keep-alive', 'proxy-connection', 'te:', 'upgrade']) expect(saw).not.toContain(`\r\n${gone}`);
    expect(saw).toContain('host: a\r\n');
    expect(saw).toContain('content-length: 2\r\n');
    expect(saw).toContain('x-request-id: id-1\r\n');
    expect(saw).toContain('x-kept: 1\r\n');
    expect(saw.endsWith('\r\n\r\nhi')).toBe(true);
  });

  test('absolute-form becomes origin-form; its authority replaces Host', () => {
    const client = harness.send('GET http://Payment.shop:8080/a?b HTTP/1.1\r\nx: 1\r\nhost: other\r\ny: 2\r\n\r\n');
    expect(upstreamSaw().startsWith('GET /a?b HTTP/1.1\r\nx: 1\r\nhost: Payment.shop:8080\r\ny: 2\r\n')).toBe(true);
    harness.reply(OK);
    expect(harness.seen[0]).toMatchObject({ authority: 'payment.shop:8080', path: '/a?b', status: 200 });
    harness.send('GET http://payment?b HTTP/1.1\r\nhost: payment\r\n\r\n', client);
    expect(upstreamSaw()).toContain('GET /?b HTTP/1.1\r\nhost: payment\r\n');
  });

  test('at the edge x-forwarded-proto says how the connection was made, not what the client wrote in its target', async () => {
    const edge = await Harness.start({ listener: { useRemoteAddress: true } });
    edge.send('GET https://a/ HTTP/1.1\r\nhost: a\r\nx-forwarded-proto: https\r\n\r\n');
    expect(edge.transport.last.received.match(/x-forwarded-proto: \w+/g)).toEqual(['x-forwarded-proto: http']);
    await edge.close();
    harness.send('GET https://a/ HTTP/1.1\r\nhost: a\r\n\r\n');
    expect(upstreamSaw()).toContain('x-forwarded-proto: https\r\n');
  });

  test('OPTIONS of a whole server is asterisk-form', async () => {
    const route = routeConfig(actionConfig(), { match: { path: { kind: 'exact', value: '*', ignoreCase: false }, headers: [], queryParams: [], fractionPerMillion: 1e6 } });
    const own = await Harness.start({ routes: [route] });
    own.send('OPTIONS http://payment HTTP/1.1\r\nhost: payment\r\n\r\n');
    expect(own.transport.last.received).toContain('OPTIONS * HTTP/1.1\r\nhost: payment\r\n');
    await own.close();
  });

  test('a trace is continued, a request id kept; both are made where there is none', () => {
    const client = harness.send('GET / HTTP/1.1\r\nhost: a\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: x=1\r\nx-request-id: mine\r\n\r\n');
    expect(upstreamSaw()).toMatch(/\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01\r\n/);
    expect(upstreamSaw()).toContain('\r\ntracestate: x=1\r\n');
    expect(upstreamSaw()).toContain('\r\nx-request-id: mine\r\n');
    expect(upstreamSaw().match(/traceparent/g)).toHaveLength(1);
    harness.reply(OK);
    expect(harness.seen[0].requestId).toBe('mine');
    expect(upstreamSaw()).toContain(harness.seen[0].traceparent);
    harness.send('GET / HTTP/1.1\r\nhost: a\r\ntraceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\ntracestate: x=1\r\n\r\n', client);
    const second = upstreamSaw().slice(upstreamSaw().lastIndexOf('GET /'));
    expect(second).toMatch(/\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r\n/);
    expect(second).not.toContain('tracestate');
    expect(second).toMatch(/\r\nx-request-id: [0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\r\n/);
  });

  test('HTTP/1.0 without Host is served, goes on as HTTP/1.1, and closes', () => {
    const client = harness.send('GET / HTTP/1.0\r\n\r\n');
    expect(upstreamSaw()).toMatch(/^GET \/ HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\n/);
    harness.reply('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x\r\nabc\r\n2\r\nde\r\n0\r\nt: v\r\n\r\n');
    const { status, headers, body } = parseAnswer(client.received);
    expect([status, body, headers['transfer-encoding'], headers.connection]).toEqual([200, 'abcde', undefined, 'close']);
    expect(client.closed).toBe(true);
  });

  test('empty lines before a request are skipped', () => {
    const client = harness.send(`\r\n\r\n${GET}`);
    expect(upstreamSaw().startsWith('GET / HTTP/1.1\r\nhost: shop\r\n')).toBe(true);
    harness.reply(OK);
    expect(parseAnswer(client.received).status).toBe(200);
  });
});

describe('several requests on a connection', () => {
  test('pipelined requests are answered in order, one at a time', () => {
    const client = harness.send('GET /1 HTTP/1.1\r\nhost: a\r\n\r\nPOST /2 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nhost: a\r\n\r\n');
    expect(harness.transport.connected).toHaveLength(1);
    expect(upstreamSaw()).toContain('GET /1');
    expect(upstreamSaw()).not.toContain('POST /2');
    harness.reply('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1');
    expect(upstreamSaw()).toContain('POST /2');
    harness.reply('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n2');
    harness.reply('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n3');
    expect(client.received.match(/\r\n\r\n\d/g)).toEqual(['\r\n\r\n1', '\r\n\r\n2', '\r\n\r\n3']);
    // One connection served all three.
    expect(harness.transport.connected).toHaveLength(1);
    expect(client.closed).toBe(false);
  });

  test('pipelined requests that the proxy answers itself wait for those that upstreams answer', async () => {
    const path = (value: string) => ({ path: { kind: 'exact' as const, value, ignoreCase: false }, headers: [], queryParams: [], fractionPerMillion: 1_000_000 });
    const mixed = await Harness.start({ routes: [routeConfig(actionConfig(), { match: path('/far') })] });
    const ask = (target: string, body = '') => `POST ${target} HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const client = mixed.send([ask('/near', 'abc'), ask('/far', 'one'), ask('/near'), ask('/near', 'x'), ask('/far', 'two'), ask('/near')].join(''));
    const answers = () => client.received.match(/HTTP\/1\.1 \d+/g)!.map((line) => line.slice(9));
    expect(answers()).toEqual(['404']);
    mixed.reply('HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n');
    expect(answers()).toEqual(['404', '201', '404', '404']);
    mixed.reply('HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n');
    expect(answers()).toEqual(['404', '201', '404', '404', '202', '404']);
    expect(mixed.seen.map(({ status }) => status)).toEqual([404, 201, 404, 404, 202, 404]);
    expect(client.closed).toBe(false);
    await mixed.close();
  });

  test('a thousand pipelined requests that the proxy answers itself do not pile up on the stack', async () => {
    const own = await Harness.start({ routes: [] });
    const client = own.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(2000));
    expect(client.received.match(/HTTP\/1\.1 404/g)).toHaveLength(2000);
    expect(own.seen).toHaveLength(2000);
    await own.close();
  });

  test('a client that does not read its answers is not read either', () => {
    const client = harness.client();
    client.stalled = true;
    harness.send(`${GET}${GET}`, client);
    harness.reply(OK);
    expect(harness.transport.last.received.match(/GET/g)).toHaveLength(1);
    client.drain();
    harness.transport.settle();
    expect(harness.transport.last.received.match(/GET/g)).toHaveLength(2);
  });

  test('Connection: close is honoured and answered', () => {
    const client = harness.send('GET / HTTP/1.1\r\nhost: a\r\nConnection: close\r\n\r\n');
    harness.reply(OK);
    expect(parseAnswer(client.received).headers.connection).toBe('close');
    expect(client.closed).toBe(true);
  });
});

test('the preface of HTTP/2 is none of HTTP/1.1 where only that is spoken', async () => {
  const only = await Harness.start({ listener: { codec: 'http1' } });
  const client = only.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  expect(parseAnswer(client.received).status).toBe(505);
  await only.close();
});

test('what begins as the preface of HTTP/2 does is a request, wherever it is cut', () => {
  for (let cut = 1; cut < 8; cut++) {
    const client = harness.client();
    client.deliver('PRI /a HTTP/1.1\r\nhost: a\r\n\r\n', cut);
    harness.transport.settle();
    expect(harness.transport.last.received).toContain('PRI /a HTTP/1.1\r\n');
    harness.reply(OK);
    expect(parseAnswer(client.received).status).toBe(200);
  }
});
