import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const root = resolve(__dirname, '../../..');
const TYPE = 'type.googleapis.com/envoy';
const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/**
 * @param bound every wait ends by itself after so long, and with it the connection: so nobody has to guess when a proxy has done all that it will do
 */
function bootstrap(admin: number, port: number, upstream: number, bound: string): object {
  return {
    admin: { address: address(admin) },
    static_resources: {
      listeners: [{
        name: 'in',
        address: address(port),
        filter_chains: [{
          filters: [{
            name: 'hcm',
            typed_config: {
              '@type': `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
              'stat_prefix': 'in',
              'codec_type': 'HTTP1',
              'http_protocol_options': { accept_http_10: true },
              'request_headers_timeout': bound,
              'stream_idle_timeout': bound,
              // Envoy waits so long after an idle timeout before it closes.
              'drain_timeout': bound,
              'common_http_protocol_options': { idle_timeout: bound },
              'generate_request_id': false,
              'route_config': {
                virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'up', timeout: '3s' } }] }],
              },
              'http_filters': [{
                name: 'router', typed_config: { '@type': `${TYPE}.extensions.filters.http.router.v3.Router`, 'suppress_envoy_headers': true },
              }],
            },
          }],
        }],
      }],
      clusters: [{
        name: 'up',
        type: 'STATIC',
        connect_timeout: '3s',
        load_assignment: { cluster_name: 'up', endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstream) } }] }] },
      }],
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** Ours or Envoy, as a process, in front of one upstream, with the same bootstrap. */
export class Running {
  private constructor(readonly port: number, private readonly child: ChildProcess, private readonly folder: string) {}

  /** @param bound as of its waits; longer than any exchange takes */
  static async start(which: 'ours' | 'envoy', upstream: number, bound = '0.5s'): Promise<Running> {
    const folder = mkdtempSync(join(tmpdir(), 'meshwright-http1-'));
    const port = await freePort(), admin = await freePort();
    const file = join(folder, 'bootstrap.json');
    writeFileSync(file, JSON.stringify(bootstrap(admin, port, upstream, bound)));
    const [program, ...args] = which === 'ours'
      ? [process.execPath, join(root, 'lib/runtime/proxy.js'), '--config-path', file, '--log-level', 'error']
      : [execFileSync(process.execPath, [join(root, 'scripts/peer.mjs'), 'envoy'], { encoding: 'utf8' }).trim(),
        '--config-path', file, '--concurrency', '1', '--disable-hot-restart', '--log-level', 'error'];
    const running = new Running(port, spawn(program, args, { stdio: 'ignore' }), folder);
    for (let attempt = 0; attempt < 400; attempt++) {
      if (running.child.exitCode !== null) throw new Error(`${which} did not start`);
      if (await isReady(admin)) return running;
      await pause(50);
    }
    throw new Error(`${which} does not become ready`);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, 'exit');
      this.child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function isReady(admin: number): Promise<boolean> {
  return new Promise((done) => {
    get({ host: '127.0.0.1', port: admin, path: '/ready', agent: false }, (response) => {
      response.resume();
      done(response.statusCode === 200);
    }).on('error', () => done(false));
  });
}
