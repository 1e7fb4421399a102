import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import {
  envoyBinary, envoyProgram, haproxyProgram, imageNode, meshwrightProgram, nginxProgram, nginxTemporary, versionOf, type Peer, type Place,
} from './peer';

export interface Setting extends Place {
  /** Ports of the application's endpoints. */
  readonly upstreams: readonly number[];
  /** HTTP/2 with prior knowledge on both sides; nginx asks its upstreams by HTTP/1.1, which is all that it can. */
  readonly http2?: boolean;
  /** Connections of clients at once; 4,000 by default. */
  readonly clients?: number;
  /** Answers may take minutes: no client of such a suite is quick. */
  readonly patient?: boolean;
}

const LIMIT = 1_000_000;

/**
 * The policies, for all of them: a virtual host, a path prefix and a header select the route, everything else is 404; a request id and a trace
 * context are made; a header is set on the way in and one removed on the way out; x-forwarded-for; a rate limit that is counted for each request
 * and never reached; the less loaded of four endpoints, at most 100 connections each and a bounded queue; connect, try and total timeouts, which
 * nobody reaches on a busy machine either; two retries of gateway errors and refused connections at another endpoint; ejection of an endpoint, or
 * opening of the breaker, after five failures; a JSON access log to /dev/null.
 */
export function haproxyConfig(setting: Setting, port: number): string {
  return `
global
  nbthread 1
  maxconn ${setting.clients ?? 4000}
${setting.clients === undefined ? '' : '  no strict-limits\n'}  log stdout format raw local0

defaults
  mode http
  log global
  timeout connect 5s
  timeout client 60s
  timeout http-request 10s
  timeout http-keep-alive 60s
  timeout queue 5s
  timeout server 5s
  option redispatch 1
  option forwardfor
  retries 2
  retry-on conn-failure empty-response response-timeout 502 503 504
  http-reuse always
  unique-id-format %[uuid]
  unique-id-header x-request-id

frontend mesh
  bind 127.0.0.1:${port}${setting.http2 ? ' proto h2' : ''}
  log-format '{"time":"%t","method":"%HM","path":"%HP","status":%ST,"duration":%Ta,"backend":"%b","server":"%s","flags":"%ts","bytes_in":%U,"bytes_out":%B,"id":"%ID"}'
  stick-table type integer size 1k expire 10s store http_req_rate(1s)
  http-request track-sc0 dst_port
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt ${LIMIT} }
  http-request set-header x-mesh-caller order
  http-request set-header traceparent 00-%[uuid,regsub(-,,g)]-%[uuid,regsub(-,,g),bytes(0,16)]-01
  http-response del-header x-app
  use_backend payment if { hdr(host) -i payment.shop } { path_beg /api/ } { req.hdr(x-tenant) -m str acme }
  default_backend none

backend none
  http-request deny deny_status 404

backend payment
  balance random(2)
${setting.upstreams.map((upstream) => `  server s${upstream} 127.0.0.1:${upstream}${setting.http2 ? ' proto h2' : ''} maxconn 100 maxqueue 100 check inter 60s observe layer7 error-limit 5 on-error mark-down`).join('\n')}
`;
}

export function haproxy(setting: Setting, port: number): Peer {
  const config = haproxyConfig(setting, port);
  return { name: 'HAProxy', version: versionOf('haproxy', ['-v']), port, programs: [haproxyProgram(setting, 'haproxy', config, port)] };
}

export function nginxConfig(setting: Setting, port: number): string {
  return `http {
${nginxTemporary(setting, 'nginx')}
  log_format json escape=json '{"time":"$time_iso8601","method":"$request_method","path":"$uri","status":$status,"duration":$request_time,'
    '"upstream":"$upstream_addr","upstream_time":"$upstream_response_time","bytes_in":$request_length,"bytes_out":$bytes_sent,"id":"$request_id"}';
  access_log /dev/null json buffer=64k flush=1s;
  limit_req_zone $server_name zone=rate:1m rate=${LIMIT}r/s;
  limit_req_status 429;
${setting.patient ? '  proxy_max_temp_file_size 0;\n' : ''}  keepalive_requests 100000000;
  map $http_x_tenant $refused { default 1; acme 0; }
  upstream payment {
    least_conn;
${setting.upstreams.map((upstream) => `    server 127.0.0.1:${upstream} max_conns=100 max_fails=5 fail_timeout=30s;`).join('\n')}
    keepalive 400;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port} default_server${setting.http2 ? ' http2' : ''};
    return 404;
  }
  server {
    listen 127.0.0.1:${port}${setting.http2 ? ' http2' : ''};
    server_name payment.shop;
    location /api/ {
      if ($refused) { return 404; }
      limit_req zone=rate burst=10000 nodelay;
      proxy_pass http://payment;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Request-Id $request_id;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header x-mesh-caller order;
      proxy_set_header traceparent 00-$request_id-0123456789abcdef-01;
      proxy_hide_header x-app;
      proxy_connect_timeout 5s;
      proxy_read_timeout 5s;
      proxy_next_upstream error timeout http_502 http_503 http_504;
      proxy_next_upstream_tries 3;
      proxy_next_upstream_timeout 10s;
    }
    location / { return 404; }
  }
}
`;
}

export function nginx(setting: Setting, port: number): Peer {
  const config = nginxConfig(setting, port);
  return { name: 'nginx', version: versionOf('nginx', ['-v']), port, programs: [nginxProgram(setting, 'nginx', config, port)] };
}

/** One bootstrap, for our proxy and for Envoy. */
export function bootstrap({ upstreams, http2, patient }: Setting, port: number, adminPort: number): unknown {
  const type = (name: string) => `type.googleapis.com/${name}`;
  const address = (number: number) => ({ socket_address: { address: '127.0.0.1', port_value: number } });
  const format = {
    time: '%START_TIME%',
    method: '%REQ(:METHOD)%',
    path: '%REQ(:PATH)%',
    status: '%RESPONSE_CODE%',
    duration: '%DURATION%',
    upstream: '%UPSTREAM_HOST%',
    flags: '%RESPONSE_FLAGS%',
    bytes_in: '%BYTES_RECEIVED%',
    bytes_out: '%BYTES_SENT%',
    id: '%REQ(X-REQUEST-ID)%',
  };
  return {
    node: { id: 'bench.shop', cluster: 'order.shop' },
    admin: { address: address(adminPort) },
    static_resources: {
      listeners: [{
        name: 'outbound',
        traffic_direction: 'OUTBOUND',
        address: address(port),
        filter_chains: [{
          filters: [{
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type': type('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
              'stat_prefix': 'outbound',
              ...(http2 ? { codec_type: 'HTTP2' } : {}),
              'use_remote_address': true,
              'generate_request_id': true,
              'stream_idle_timeout': '60s',
              'request_headers_timeout': '10s',
              'access_log': [{
                name: 'file',
                typed_config: { '@type': type('envoy.extensions.access_loggers.file.v3.FileAccessLog'), 'path': '/dev/null', 'log_format': { json_format: format } },
              }],
              'http_filters': [
                {
                  name: 'envoy.filters.http.local_ratelimit',
                  typed_config: {
                    '@type': type('envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit'),
                    'stat_prefix': 'requests',
                    'token_bucket': { max_tokens: LIMIT, tokens_per_fill: LIMIT, fill_interval: '1s' },
                    'filter_enabled': { default_value: { numerator: 100, denominator: 'HUNDRED' } },
                    'filter_enforced': { default_value: { numerator: 100, denominator: 'HUNDRED' } },
                  },
                },
                { name: 'envoy.filters.http.router', typed_config: { '@type': type('envoy.extensions.filters.http.router.v3.Router') } },
              ],
              'route_config': {
                name: 'outbound',
                virtual_hosts: [{
                  name: 'payment.shop:8080',
                  domains: ['payment.shop', 'payment.shop:8080'],
                  routes: [{
                    name: 'payment/api',
                    match: { path_separated_prefix: '/api', headers: [{ name: 'x-tenant', string_match: { exact: 'acme' } }] },
                    request_headers_to_add: [{ header: { key: 'x-mesh-caller', value: 'order' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' }],
                    response_headers_to_remove: ['x-app'],
                    route: {
                      cluster: 'payment.shop:8080',
                      timeout: patient ? '600s' : '10s',
                      retry_policy: {
                        retry_on: 'gateway-error,connect-failure,reset',
                        num_retries: 2,
                        per_try_timeout: patient ? '600s' : '5s',
                        retry_back_off: { base_interval: '0.1s', max_interval: '0.4s' },
                        retry_host_predicate: [{
                          name: 'previous_hosts',
                          typed_config: { '@type': type('envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate') },
                        }],
                        host_selection_retry_max_attempts: 3,
                      },
                    },
                  }],
                }],
              },
            },
          }],
        }],
      }],
      clusters: [{
        name: 'payment.shop:8080',
        type: 'STATIC',
        connect_timeout: '5s',
        lb_policy: 'LEAST_REQUEST',
        ...(http2 ? {
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': type('envoy.extensions.upstreams.http.v3.HttpProtocolOptions'), 'explicit_http_config': { http2_protocol_options: {} },
            },
          },
        } : {}),
        circuit_breakers: { thresholds: [{ max_connections: 400, max_pending_requests: 400, max_requests: 4000, max_retries: 100 }] },
        outlier_detection: { consecutive_5xx: 5, interval: '10s', base_ejection_time: '30s', max_ejection_percent: 50 },
        metadata: {
          typed_filter_metadata: {
            'meshwright.circuit_breaker': { '@type': type('meshwright.v1.CircuitBreaker'), 'consecutive_failures': 5, 'cooldown': '30s' },
          },
        },
        load_assignment: {
          cluster_name: 'payment.shop:8080',
          endpoints: [{ lb_endpoints: upstreams.map((upstream) => ({ endpoint: { address: address(upstream) } })) }],
        },
      }],
    },
  };
}

export function meshwright(setting: Setting, port: number, node: readonly string[] = []): Peer {
  return {
    name: 'meshwright',
    version: `Node ${versionOf(imageNode(setting), ['--version'])}`,
    port,
    programs: [meshwrightProgram(setting, 'meshwright', bootstrap(setting, port, port + 1), port, node)],
  };
}

export function envoyBootstrap(setting: Setting, port: number): any {
  const config = bootstrap(setting, port, port + 1) as any;
  // Envoy drops unknown metadata only where it is not typed: it has to know the type of each Any that it is given.
  delete config.static_resources.clusters[0].metadata;
  addTraceContext(config);
  return config;
}

export function envoy(setting: Setting, port: number): Peer {
  const config = envoyBootstrap(setting, port);
  return { name: 'Envoy', version: versionOf(envoyBinary(setting), ['--version']), port, programs: [envoyProgram(setting, 'envoy', config, port)] };
}

/** Envoy makes a trace context where it has a tracer. This one samples nothing, so that its collector, which does not exist, is never called. */
function addTraceContext(config: any): void {
  config.static_resources.listeners[0].filter_chains[0].filters[0].typed_config.tracing = {
    random_sampling: { value: 0 },
    provider: {
      name: 'envoy.tracers.opentelemetry',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig',
        'service_name': 'order',
        'grpc_service': { envoy_grpc: { cluster_name: 'traces' } },
      },
    },
  };
  config.static_resources.clusters.push({
    name: 'traces',
    type: 'STATIC',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions', 'explicit_http_config': { http2_protocol_options: {} },
      },
    },
    load_assignment: { cluster_name: 'traces', endpoints: [] },
  });
}

/** No proxy, but what each has to do at least: it passes bytes on (`load/relay.c`). Nothing is held against it. */
export function relay({ folder, root, upstreams }: Setting, port: number): Peer {
  const binary = join(folder, 'relay');
  execFileSync('gcc', ['-O2', '-o', binary, join(root, 'bench/load/relay.c')], { stdio: ['ignore', 'inherit', 'inherit'] });
  return { name: 'relay', version: 'in C, no policies', port, programs: [{ command: [binary, String(port), ...upstreams.map(String)], port }] };
}

/** By name in lower case; ports `port` and `port + 1` are its own. */
export const PEERS: Readonly<Record<string, (setting: Setting, port: number) => Peer>> = { haproxy, nginx, envoy, meshwright };
