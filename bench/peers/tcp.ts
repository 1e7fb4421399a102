import { envoyBinary, envoyProgram, haproxyProgram, imageNode, meshwrightProgram, nginxProgram, versionOf, type Peer, type Place } from './peer';

export interface TcpSetting extends Place {
  /** Ports of the application's endpoints. */
  readonly upstreams: readonly number[];
}

/**
 * The policies, for all of them: the endpoint of four with the fewest connections, at most 1,000 each; timeouts for connecting and idleness; a second
 * attempt at another endpoint; ejection of an endpoint after five failed attempts; a JSON access log to /dev/null.
 */
function haproxyConfig({ upstreams }: TcpSetting, port: number, splice: boolean): string {
  return `
global
  nbthread 1
  maxconn 4000
  log stdout format raw local0

defaults
  mode tcp
  log global
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  timeout queue 1s
  retries 1
  option redispatch 1
${splice ? '  option splice-request\n  option splice-response\n' : ''}
frontend mesh
  bind 127.0.0.1:${port}
  log-format '{"time":"%t","duration":%Tt,"backend":"%b","server":"%s","flags":"%ts","bytes_in":%U,"bytes_out":%B}'
  default_backend application

backend application
  balance leastconn
${upstreams.map((upstream) => `  server s${upstream} 127.0.0.1:${upstream} maxconn 1000 check inter 60s observe layer4 error-limit 5 on-error mark-down`).join('\n')}
`;
}

function haproxy(setting: TcpSetting, port: number): Peer {
  return {
    name: 'HAProxy', version: versionOf('haproxy', ['-v']), port, programs: [haproxyProgram(setting, 'haproxy', haproxyConfig(setting, port, false), port)],
  };
}

/** HAProxy that leaves bytes in the kernel where it can, which it does when it is told to. */
function haproxySplice(setting: TcpSetting, port: number): Peer {
  return {
    name: 'HAProxy, splice', version: versionOf('haproxy', ['-v']), port,
    programs: [haproxyProgram(setting, 'haproxy-splice', haproxyConfig(setting, port, true), port)],
  };
}

function nginx(setting: TcpSetting, port: number): Peer {
  const config = `stream {
  log_format json escape=json '{"time":"$time_iso8601","duration":$session_time,"status":$status,"upstream":"$upstream_addr",'
    '"bytes_in":$bytes_received,"bytes_out":$bytes_sent}';
  access_log /dev/null json buffer=64k flush=1s;
  upstream application {
    least_conn;
${setting.upstreams.map((upstream) => `    server 127.0.0.1:${upstream} max_conns=1000 max_fails=5 fail_timeout=30s;`).join('\n')}
  }
  server {
    listen 127.0.0.1:${port};
    proxy_pass application;
    proxy_connect_timeout 1s;
    proxy_timeout 60s;
    proxy_next_upstream_tries 2;
  }
}
`;
  // Debian's module is a file of its own.
  const module = 'load_module /usr/lib/nginx/modules/ngx_stream_module.so;';
  return { name: 'nginx', version: versionOf('nginx', ['-v']), port, programs: [nginxProgram(setting, 'nginx', config, port, module)] };
}

/** One bootstrap, for our proxy and for Envoy. */
export function tcpBootstrap({ upstreams }: TcpSetting, port: number, adminPort: number, breaker: boolean): unknown {
  const type = (name: string) => `type.googleapis.com/${name}`;
  const address = (number: number) => ({ socket_address: { address: '127.0.0.1', port_value: number } });
  return {
    node: { id: 'bench.shop', cluster: 'order.shop' },
    admin: { address: address(adminPort) },
    static_resources: {
      listeners: [{
        name: 'outbound:db.shop:5432',
        traffic_direction: 'OUTBOUND',
        address: address(port),
        filter_chains: [{
          filters: [{
            name: 'envoy.filters.network.tcp_proxy',
            typed_config: {
              '@type': type('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'),
              'stat_prefix': 'db',
              'cluster': 'db.shop:5432',
              'idle_timeout': '60s',
              'max_connect_attempts': 2,
              'access_log': [{
                name: 'file',
                typed_config: {
                  '@type': type('envoy.extensions.access_loggers.file.v3.FileAccessLog'),
                  'path': '/dev/null',
                  'log_format': {
                    json_format: {
                      time: '%START_TIME%', duration: '%DURATION%', upstream: '%UPSTREAM_HOST%', flags: '%RESPONSE_FLAGS%',
                      bytes_in: '%BYTES_RECEIVED%', bytes_out: '%BYTES_SENT%',
                    },
                  },
                },
              }],
            },
          }],
        }],
      }],
      clusters: [{
        name: 'db.shop:5432',
        type: 'STATIC',
        connect_timeout: '1s',
        lb_policy: 'LEAST_REQUEST',
        circuit_breakers: { thresholds: [{ max_connections: 4000, max_pending_requests: 4000, max_requests: 4000 }] },
        outlier_detection: { consecutive_5xx: 5, interval: '10s', base_ejection_time: '30s', max_ejection_percent: 50 },
        ...(breaker ? {
          metadata: {
            typed_filter_metadata: {
              'meshwright.circuit_breaker': { '@type': type('meshwright.v1.CircuitBreaker'), 'consecutive_failures': 5, 'cooldown': '30s' },
            },
          },
        } : {}),
        load_assignment: {
          cluster_name: 'db.shop:5432',
          endpoints: [{ lb_endpoints: upstreams.map((upstream) => ({ endpoint: { address: address(upstream) } })) }],
        },
      }],
    },
  };
}

function meshwright(setting: TcpSetting, port: number): Peer {
  const program = meshwrightProgram(setting, 'meshwright', tcpBootstrap(setting, port, port + 1, true), port);
  return { name: 'meshwright', version: `Node ${versionOf(imageNode(setting), ['--version'])}`, port, programs: [program] };
}

/** Envoy has to know the type of every Any, so it is not told of our breaker. */
function envoy(setting: TcpSetting, port: number): Peer {
  const program = envoyProgram(setting, 'envoy', tcpBootstrap(setting, port, port + 1, false), port);
  return { name: 'Envoy', version: versionOf(envoyBinary(setting), ['--version']), port, programs: [program] };
}

/** By the name that `--without` takes. */
export const TCP_PEERS: Readonly<Record<string, (setting: TcpSetting, port: number) => Peer>> = {
  haproxy, 'haproxy-splice': haproxySplice, nginx, envoy, meshwright,
};
