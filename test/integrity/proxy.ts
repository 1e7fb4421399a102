import { spawn, type ChildProcess } from 'node:child_process';
import { on, once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import * as http from 'node:http';
import { join, resolve } from 'node:path';
import type { Certificate } from './upstreams';

const root = resolve(__dirname, '../..');
const TYPE = 'type.googleapis.com/envoy';
const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/** What the proxy says of itself, when it is asked. */
export interface Inside {
  readonly heap: number;
  readonly buffers: number;
  readonly resources: Record<string, number>;
}

/** Collects garbage when asked, and says what is left. */
const PROBE = `
process.on('message', (asked) => {
  for (let i = 0; i < 3; i++) global.gc();
  setImmediate(() => {
    global.gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    const resources = {};
    for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
    process.send({ asked, heap: heapUsed, buffers: arrayBuffers, resources });
  });
});
process.channel.unref();
`;

function cluster(name: string, port: number): object {
  const versions = name.startsWith('h2') ? { http2_protocol_options: {} } : { http_protocol_options: {} };
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }] },
    circuit_breakers: { thresholds: [{ max_connections: 10_000, max_pending_requests: 10_000, max_requests: 10_000 }] },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions`,
        'common_http_protocol_options': { idle_timeout: '1s' },
        'explicit_http_config': versions,
      },
    },
    ...(name.endsWith('s') ? {
      transport_socket: {
        name: 'tls',
        typed_config: {
          '@type': `${TYPE}.extensions.transport_sockets.tls.v3.UpstreamTlsContext`,
          'sni': 'integrity.test',
          'common_tls_context': { validation_context: { trusted_ca: { filename: 'ca.pem' } }, ...(name.startsWith('h2') ? { alpn_protocols: ['h2'] } : {}) },
        },
      },
    } : {}),
  };
}

function listener(name: string, port: number, clusters: readonly string[], secure: boolean): object {
  return {
    name,
    address: address(port),
    filter_chains: [{
      filters: [{
        name: 'hcm',
        typed_config: {
          '@type': `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
          'stat_prefix': name,
          'codec_type': 'AUTO',
          'route_config': {
            virtual_hosts: [{
              name: 'all', domains: ['*'],
              routes: clusters.map((to) => ({ match: { prefix: `/${to}/` }, route: { cluster: to, timeout: '30s' } })),
            }],
          },
          'access_log': [{
            name: 'file',
            typed_config: {
              '@type': `${TYPE}.extensions.access_loggers.file.v3.FileAccessLog`,
              'path': 'access.log',
              'log_format': {
                json_format: {
                  path: '%REQ(:path)%', protocol: '%PROTOCOL%', status: '%RESPONSE_CODE%', flags: '%RESPONSE_FLAGS%', details: '%RESPONSE_CODE_DETAILS%',
                  received: '%BYTES_RECEIVED%', sent: '%BYTES_SENT%', duration: '%DURATION%', tries: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
                },
              },
            },
          }],
          'http_filters': [{ name: 'router', typed_config: { '@type': `${TYPE}.extensions.filters.http.router.v3.Router` } }],
        },
      }],
      ...(secure ? {
        transport_socket: {
          name: 'tls',
          typed_config: {
            '@type': `${TYPE}.extensions.transport_sockets.tls.v3.DownstreamTlsContext`,
            'common_tls_context': {
              alpn_protocols: ['h2', 'http/1.1'],
              tls_certificates: [{ certificate_chain: { filename: 'cert.pem' }, private_key: { filename: 'key.pem' } }],
            },
          },
        },
      } : {}),
    }],
  };
}

/** The proxy as it ships, in a process of its own. */
export class ProxyProcess {
  private asked = 0;

  private constructor(
    private readonly folder: string, private readonly child: ChildProcess, readonly ports: Record<string, number>, private readonly admin: number,
  ) {}

  /** @param node the Node.js that runs it. */
  static async start(
    node: string, folder: string, upstreams: Record<string, number>, certificate: Certificate & { ca: string }, ports: readonly number[],
  ): Promise<ProxyProcess> {
    const [admin, plain, secure] = ports;
    writeFileSync(join(folder, 'ca.pem'), certificate.ca);
    writeFileSync(join(folder, 'cert.pem'), certificate.cert);
    writeFileSync(join(folder, 'key.pem'), certificate.key, { mode: 0o600 });
    writeFileSync(join(folder, 'probe.cjs'), PROBE);
    const names = Object.keys(upstreams);
    writeFileSync(join(folder, 'bootstrap.json'), JSON.stringify({
      admin: { address: address(admin) },
      static_resources: {
        listeners: [listener('plain', plain, names, false), ...(names.some((name) => name.endsWith('s')) ? [listener('secure', secure, names, true)] : [])],
        clusters: names.map((name) => cluster(name, upstreams[name])),
      },
    }));
    const child = spawn(node, [
      '--expose-gc', '--require', join(folder, 'probe.cjs'), join(root, 'lib/runtime/proxy.js'), '--config-path', join(folder, 'bootstrap.json'),
      '--log-level', 'error',
    ], { cwd: folder, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const made = new ProxyProcess(folder, child, { plain, secure }, admin);
    for (let tries = 0; tries < 200; tries++) {
      if (child.exitCode !== null) throw new Error('the proxy did not start');
      if (await made.page('/ready').then(({ status }) => status === 200, () => false)) return made;
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error('the proxy is not ready');
  }

  private async page(path: string): Promise<{ status: number; body: string }> {
    return new Promise((done, failed) => {
      http.get({ host: '127.0.0.1', port: this.admin, path, agent: false }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (part: string) => { body += part; });
        response.on('end', () => done({ status: response.statusCode!, body }));
      }).on('error', failed);
    });
  }

  /** Its statistics by Envoy's names. */
  async stats(): Promise<Map<string, number>> {
    const { body } = await this.page('/stats');
    return new Map(body.trim().split('\n').map((line): [string, number] => {
      const at = line.lastIndexOf(': ');
      return [line.slice(0, at), Number(line.slice(at + 2))];
    }));
  }

  /** Its memory after a collection, and what its event loop waits for. */
  async inside(): Promise<Inside> {
    const asked = ++this.asked;
    this.child.send(asked);
    // One that was asked before may be answered first.
    for await (const [answer] of on(this.child, 'message', { close: ['exit'] }) as AsyncIterable<[Inside & { asked: number }]>) if (answer.asked === asked) return answer;
    throw new Error('the proxy does not answer');
  }

  /** What its access log has of a request. */
  logged(id: string): string[] {
    return readFileSync(join(this.folder, 'access.log'), 'utf8').split('\n').filter((line) => line.includes(`/${id}"`));
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}
