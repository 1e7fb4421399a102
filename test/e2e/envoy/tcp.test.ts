import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { clientHello, inRecords } from '../../runtime/proxy/support/client-hello';

const root = resolve(__dirname, '../../..');
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');
const type = (name: string) => `type.googleapis.com/envoy.extensions.${name}`;
const address = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/** A server that says its name, and at the client's end how many bytes it got. */
async function namedServer(name: string): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    let bytes = 0;
    socket.write(`${name}:`);
    socket.on('data', (chunk: Buffer) => { bytes += chunk.length; });
    socket.on('end', () => socket.end(String(bytes)));
    socket.on('error', () => {});
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return server;
}

const tcp = (cluster: string) => [{
  name: 'envoy.filters.network.tcp_proxy',
  typed_config: { '@type': type('filters.network.tcp_proxy.v3.TcpProxy'), 'stat_prefix': cluster, cluster },
}];

/** Everything is told from everything else at one port. */
function bootstrap(port: number, admin: number, clusters: Readonly<Record<string, number>>): unknown {
  const http = [{
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': type('filters.network.http_connection_manager.v3.HttpConnectionManager'),
      'stat_prefix': 'http',
      'http_protocol_options': { accept_http_10: true },
      'http_filters': [{ name: 'envoy.filters.http.router', typed_config: { '@type': type('filters.http.router.v3.Router') } }],
      'route_config': {
        virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'http' } } }] }],
      },
    },
  }];
  const chain = (match: object, filters: object[]) => ({ filter_chain_match: match, filters });
  return {
    node: { id: 'n', cluster: 'c' },
    admin: { address: address(admin) },
    static_resources: {
      listeners: [{
        name: 'any',
        address: address(port),
        listener_filters: [
          { name: 'envoy.filters.listener.tls_inspector', typed_config: { '@type': type('filters.listener.tls_inspector.v3.TlsInspector') } },
          { name: 'envoy.filters.listener.http_inspector', typed_config: { '@type': type('filters.listener.http_inspector.v3.HttpInspector') } },
        ],
        listener_filters_timeout: '0.3s',
        continue_on_listener_filters_timeout: true,
        filter_chains: [
          chain({ application_protocols: ['http/1.0', 'http/1.1', 'h2c'] }, http),
          chain({ transport_protocol: 'tls', server_names: ['a.shop', 'b.shop'] }, tcp('exact')),
          chain({ transport_protocol: 'tls', server_names: ['*.shop'] }, tcp('shop')),
          chain({ transport_protocol: 'tls', server_names: ['*.deep.shop'], application_protocols: ['h2'] }, tcp('deep-h2')),
          chain({ transport_protocol: 'tls', application_protocols: ['h2', 'http/1.1'] }, tcp('alpn')),
          chain({ transport_protocol: 'tls' }, tcp('tls')),
        ],
        default_filter_chain: { filters: tcp('raw') },
      }],
      clusters: Object.entries(clusters).map(([name, upstream]) => ({
        name, type: 'STATIC', connect_timeout: '1s',
        load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstream) } }] }] },
      })),
    },
  };
}

/** What a client gets that sends, ends its direction once it was answered, and reads to the end. */
async function say(port: number, bytes: Buffer): Promise<string> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  socket.setEncoding('latin1');
  socket.on('data', (piece: string) => {
    text += piece;
    socket.end();
  });
  const over = new Promise<void>((resolve_) => socket.once('close', () => resolve_()));
  socket.on('error', () => {});
  if (bytes.length > 0) socket.write(bytes);
  socket.on('end', () => socket.end());
  await over;
  return text;
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as net.AddressInfo;
  await new Promise<void>((done) => server.close(() => done()));
  return port;
}

/** Resolves once somebody accepts at the port, or rejects when the process ends before. */
async function accepting(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}`);
    const socket = net.connect(port, '127.0.0.1');
    const connected = await new Promise<boolean>((tried) => socket.once('connect', () => tried(true)).once('error', () => tried(false)));
    socket.destroy();
    if (connected) return;
    await new Promise((turn) => setTimeout(turn, 50));
  }
}

/** A real Envoy and our proxy with one configuration: the same first bytes have to lead to the same place. */
describe('one port for everything: Envoy and our proxy', () => {
  const servers: net.Server[] = [];
  const children: ChildProcess[] = [];
  const ports: { envoy: number; ours: number } = { envoy: 0, ours: 0 };
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'meshwright-first-bytes-'));
    const clusters: Record<string, number> = {};
    for (const name of ['exact', 'shop', 'deep-h2', 'alpn', 'tls', 'raw']) {
      const server = await namedServer(name);
      servers.push(server);
      clusters[name] = (server.address() as net.AddressInfo).port;
    }
    const envoy = execFileSync(process.execPath, [join(root, 'scripts/peer.mjs'), 'envoy'], { encoding: 'utf8' }).trim();
    for (const name of ['envoy', 'ours'] as const) {
      ports[name] = await freePort();
      const file = join(folder, `${name}.json`);
      writeFileSync(file, JSON.stringify(bootstrap(ports[name], await freePort(), clusters)));
      const [program, args] = name === 'envoy'
        ? [envoy, ['-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error']]
        : [process.execPath, [join(root, 'lib/runtime/proxy.js'), '--config-path', file]];
      const child = spawn(program, args, { stdio: 'ignore' });
      children.push(child);
      await accepting(ports[name], child);
    }
  }, 60_000);

  afterAll(async () => {
    for (const child of children) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await Promise.all(servers.map(async (server) => new Promise((done) => server.close(done))));
    rmSync(folder, { recursive: true, force: true });
  });

  interface Case {
    readonly name: string;
    readonly bytes: Buffer | Promise<Buffer>;
    readonly to: RegExp;
  }
  const hello = async (servername: string | undefined, ...protocols: string[]) =>
    clientHello({ servername, ...(protocols.length > 0 ? { ALPNProtocols: protocols } : {}) });
  const text = (bytes: string) => Buffer.from(bytes, 'latin1');
  const cases: readonly Case[] = [
    { name: 'a server name', bytes: hello('a.shop'), to: /^exact:\d+$/ },
    { name: 'a server name in capitals', bytes: hello('B.Shop'), to: /^exact:\d+$/ },
    { name: 'a suffix', bytes: hello('c.shop'), to: /^shop:\d+$/ },
    { name: 'a suffix of two labels', bytes: hello('x.c.shop'), to: /^shop:\d+$/ },
    { name: 'a longer suffix, with the protocol that it asks for', bytes: hello('x.deep.shop', 'h2'), to: /^deep-h2:\d+$/ },
    { name: 'a longer suffix without that protocol: no shorter one, but the default chain', bytes: hello('x.deep.shop', 'http/1.1'), to: /^raw:\d+$/ },
    { name: 'another name, by its protocol', bytes: hello('elsewhere', 'http/1.1'), to: /^alpn:\d+$/ },
    { name: 'another name, another protocol', bytes: hello('elsewhere', 'spiffe'), to: /^tls:\d+$/ },
    { name: 'no name', bytes: hello(undefined), to: /^tls:\d+$/ },
    { name: 'a ClientHello in records of a few bytes', bytes: hello('a.shop').then((whole) => inRecords(whole, [3, 50, 1])), to: /^exact:\d+$/ },
    { name: 'HTTP/1.1', bytes: text('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'), to: /^HTTP\/1\.1 200[^]*http$/ },
    { name: 'HTTP/1.0', bytes: text('GET / HTTP/1.0\r\nhost: a\r\n\r\n'), to: /^HTTP\/1\.. 200[^]*http$/ },
    { name: 'HTTP/2', bytes: PREFACE, to: /^\0\0.\x04/ },
    { name: 'a line of another protocol', bytes: text('PING\r\n'), to: /^raw:6$/ },
    { name: 'bytes', bytes: text('\0\0\0\x08\x04\xd2\x16\x2f'), to: /^raw:8$/ },
    { name: 'the beginning of TLS that is none', bytes: Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0]), to: /^raw:9$/ },
    { name: 'silence: the server speaks first', bytes: text(''), to: /^raw:0$/ },
    { name: 'half a method, then silence', bytes: text('GE'), to: /^raw:2$/ },
  ];

  test.each(cases)('$name', async ({ bytes, to }) => {
    const said = await bytes;
    expect(await say(ports.envoy, said)).toMatch(to);
    expect(await say(ports.ours, said)).toMatch(to);
  }, 15_000);
});
