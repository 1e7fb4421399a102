import { execFile, execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { systemClock } from '../../../runtime/clock';
import type { DownstreamTlsConfig } from '../../../runtime/proxy/config/tls-types';
import type { ClusterConfig, HttpConnectionManagerConfig } from '../../../runtime/proxy/config/types';
import { Proxy } from '../../../runtime/proxy/proxy';
import { chooseTransport } from '../../../runtime/proxy/transport';
import { actionConfig, clusterConfig, listenerConfig, routeConfig, routeTable, snapshot } from '../../runtime/proxy/support/config';
import { Authority } from '../../runtime/proxy/support/pki';
import { downstreamTls } from '../../runtime/proxy/support/tls';

/** h2spec's cases: generic, http2 and hpack. */
const CASES = 145;
const LIMITS = { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 1024 * 1024 };
const root = resolve(__dirname, '../../..');

interface Verdict {
  readonly total: number;
  /** What failed, and why. */
  readonly failures: string[];
}

/** Runs every case of h2spec at a port. */
async function h2spec(port: number, ...args: string[]): Promise<Verdict> {
  const binary = execFileSync(process.execPath, [join(root, 'scripts/peer.mjs'), 'h2spec'], { encoding: 'utf8' }).trim();
  const output = await new Promise<string>((done) => {
    // Its exit code says no more than its report does.
    execFile(binary, ['-h', '127.0.0.1', '-p', String(port), '-o', '5', ...args, 'generic', 'http2', 'hpack'], { maxBuffer: 2 ** 26 }, (_error, out) => done(out));
  });
  const counts = /(\d+) tests, (\d+) passed/.exec(output);
  const at = output.indexOf('Failures:');
  return { total: Number(counts?.[2]), failures: at < 0 ? [] : output.slice(at).split('\n').filter((line) => line.includes('×')) };
}

describe('h2spec', () => {
  let proxy: Proxy;
  let http1: Server;
  let upstream: http2.Http2Server;

  beforeAll(async () => {
    const answer = 'an answer with a body that is longer than the windows of a few cases';
    http1 = createServer((incoming, response) => incoming.resume().on('end', () => response.end(answer)));
    upstream = http2.createServer((incoming, response) => incoming.resume().on('end', () => response.end(answer)));
    for (const server of [http1, upstream]) await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { transport } = await chooseTransport(systemClock);
    proxy = new Proxy({ clock: systemClock, transport, random: Math.random });
  });

  afterAll(async () => {
    await proxy.close();
    for (const server of [http1, upstream]) await new Promise((done) => server.close(done));
  });

  async function listen(codec: HttpConnectionManagerConfig['codec'], upstreamHttp2: boolean, tls?: DownstreamTlsConfig): Promise<number> {
    const cluster: ClusterConfig = { ...clusterConfig(), http2: upstreamHttp2 ? LIMITS : undefined };
    const { port } = (upstreamHttp2 ? upstream : http1).address() as AddressInfo;
    const plain = listenerConfig({ codec });
    const listener = { ...plain, filterChains: [{ ...plain.filterChains[0], transportSocket: tls }] };
    await proxy.apply(snapshot(listener, routeTable([routeConfig(actionConfig())]), [[cluster, [port]]]));
    return proxy.listeners.get('ingress')!.port;
  }

  test.each<[string, HttpConnectionManagerConfig['codec'], boolean]>([
    ['codec HTTP2, upstreams of HTTP/1.1', 'http2', false],
    ['codec HTTP2, upstreams of HTTP/2', 'http2', true],
    ['codec AUTO, upstreams of HTTP/2', 'auto', true],
  ])('%s', async (_name, codec, upstreamHttp2) => {
    expect(await h2spec(await listen(codec, upstreamHttp2))).toEqual({ total: CASES, failures: [] });
  }, 120_000);

  test('TLS, where ALPN chooses', async () => {
    const identity = await (await Authority.create('h2spec')).issue({ dns: ['localhost'], ips: ['127.0.0.1'] });
    const port = await listen('auto', true, downstreamTls({ identity, alpn: ['h2', 'http/1.1'] }));
    expect(await h2spec(port, '-t', '-k')).toEqual({ total: CASES, failures: [] });
  }, 120_000);
});
