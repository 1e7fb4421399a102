import { VirtualClock } from '../../../../runtime/clock/virtual';
import { OperatorServer } from '../../../../runtime/proxy/admin';
import { text, type Answer, type Route, type Routes } from '../../../../runtime/proxy/admin/types';
import { MemoryTransport } from '../support/memory-transport';

const OK = '200 OK';

async function setUp(page: () => Answer | Promise<Answer> = () => text('here\n')) {
  const clock = new VirtualClock();
  const transport = new MemoryTransport();
  const queries: string[] = [];
  const routes: Routes = new Map<string, Route>([
    ['/', { method: 'GET' as const, help: '', handle: async (query) => { queries.push(query.toString()); return page(); } }],
    ['/do', { method: 'POST' as const, help: '', handle: () => text('done\n') }],
  ]);
  const server = await OperatorServer.listen({ transport, clock, host: '127.0.0.1', port: 0 }, routes, true);
  const connect = () => transport.client(server.port);
  /** What the handlers promised is there, and what it made the transport do is done. */
  const settled = async () => {
    for (let turn = 0; turn < 10; turn++) {
      await Promise.resolve();
      transport.settle();
    }
  };
  return { clock, transport, server, connect, settled, queries };
}

const get = (path: string, lines = '', version = '1.1') => `GET ${path} HTTP/${version}\r\nhost: localhost:9901\r\n${lines}\r\n`;

describe('connections of operators', () => {
  test.each([1, 7, 65_536])('an answer is framed and the connection stays, bytes coming by %d', async (cut) => {
    const { connect, settled, queries } = await setUp();
    const connection = connect();
    connection.deliver(get('/?a=1&b'), cut);
    await settled();
    expect(connection.takeReceived()).toBe('HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 5\r\n'
      + `date: ${new Date(new VirtualClock().wallTime()).toUTCString()}\r\ncache-control: no-cache, max-age=0\r\nx-content-type-options: nosniff\r\n\r\nhere\n`);
    expect(queries).toEqual(['a=1&b=']);
    connection.deliver(get('/').replace('GET', 'HEAD'), cut);
    await settled();
    expect(connection.received).toContain('content-length: 5\r\n');
    expect(connection.takeReceived()).not.toContain('here');
    expect(connection.closed).toBe(false);
  });

  test('requests that come together are answered in order, one after the other', async () => {
    const pages: ((answer: Answer) => void)[] = [];
    const { connect, settled } = await setUp(async () => new Promise((resolve) => { pages.push(resolve); }));
    const connection = connect();
    connection.deliver(get('/') + get('/none') + get('/'));
    await settled();
    expect(pages).toHaveLength(1);
    expect(connection.received).toBe('');
    pages[0](text('first\n'));
    await settled();
    expect(connection.takeReceived()).toMatch(/^HTTP\/1.1 200 OK[^]*first\nHTTP\/1.1 404 Not Found[^]*no such page: \/none\n$/);
    expect(pages).toHaveLength(2);
    pages[1](text('third\n'));
    await settled();
    expect(connection.received).toMatch(/third\n$/);
  });

  test.each([
    ['a bad line', 'GET / HTTP/1.1\r\nhost : localhost\r\n\r\n', '400 Bad Request'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', '400 Bad Request'],
    ['two framings', get('/', 'content-length: 3\r\ntransfer-encoding: chunked\r\n'), '400 Bad Request'],
    ['a head without end', `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(9_000)}`, '431 Request Header Fields Too Large'],
    ['another name', 'GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n', '403 Forbidden'],
    ['another name in the target', 'GET http://evil.example/ HTTP/1.1\r\nhost: localhost\r\n\r\n', '403 Forbidden'],
    ['a page that posts', 'POST /do HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost\r\n\r\n', '403 Forbidden'],
    ['the wrong method', get('/do'), '405 Method Not Allowed'],
    ['a post', 'POST /do HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\n\r\n', OK],
    ['an address in brackets', 'GET / HTTP/1.1\r\nhost: [::1]:9901\r\n\r\n', OK],
  ])('%s', async (_what, request, status) => {
    const { connect, settled } = await setUp();
    const connection = connect();
    connection.deliver(request);
    await settled();
    expect(connection.received.split('\r\n')[0]).toBe(`HTTP/1.1 ${status}`);
  });

  test('a handler that fails is 500', async () => {
    const { connect, settled } = await setUp(() => { throw new Error('no'); });
    const connection = connect();
    connection.deliver(get('/'));
    await settled();
    expect(connection.received).toMatch(/^HTTP\/1.1 500 Internal Server Error[^]*\r\n\r\nno\n$/);
  });

  test.each([
    ['HTTP/1.0', get('/', '', '1.0')],
    ['close', get('/', 'connection: close\r\n')],
    ['a body, of which nothing is read', 'POST /do HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nGET / HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ['no request', 'rubbish\r\n\r\n'],
  ])('the connection ends with its answer: %s', async (_what, request) => {
    const { clock, connect, settled } = await setUp();
    const connection = connect();
    connection.deliver(request);
    await settled();
    expect(connection.received.match(/HTTP\/1.1 /g)).toHaveLength(1);
    expect(connection.received).toContain('connection: close\r\n');
    expect(connection.shutDown).toBe(true);
    // What comes behind is taken, so that the answer is not lost to a reset; but not for long.
    connection.deliver(get('/'));
    await settled();
    expect(connection.received.match(/HTTP\/1.1 /g)).toHaveLength(1);
    expect(connection.closed).toBe(false);
    clock.advance(2_000);
    expect(connection.closed).toBe(true);
  });

  test('a client that ends its side has its answer all the same', async () => {
    const { connect, settled } = await setUp();
    const connection = connect();
    connection.deliver(get('/', 'connection: close\r\n'));
    connection.deliverEnd();
    await settled();
    expect(connection.received).toMatch(/here\n$/);
    expect(connection.closed).toBe(true);
    const idle = connect();
    idle.deliverEnd();
    expect(idle.closed).toBe(true);
  });

  test('who asks for nothing, or takes nothing, is let go', async () => {
    const { clock, connect, settled } = await setUp();
    const silent = connect();
    const slow = connect();
    slow.stalled = true;
    slow.deliver(get('/') + get('/'));
    await settled();
    expect(slow.received.match(/HTTP\/1.1 /g)).toHaveLength(1);
    clock.advance(10_000);
    expect([silent.closed, slow.closed]).toEqual([true, false]);
    clock.advance(50_000);
    expect(slow.closed).toBe(true);
    const patient = connect();
    patient.stalled = true;
    patient.deliver(get('/') + get('/'));
    await settled();
    patient.drain();
    await settled();
    expect(patient.received.match(/HTTP\/1.1 /g)).toHaveLength(2);
  });

  test('the server closes its connections, and no timer is left', async () => {
    const { clock, server, connect, settled } = await setUp();
    const connections = [connect(), connect()];
    connections[0].deliver(get('/'));
    await settled();
    await server.close();
    expect(connections.map(({ closed }) => closed)).toEqual([true, true]);
    expect(clock.timers).toBe(0);
  });
});
