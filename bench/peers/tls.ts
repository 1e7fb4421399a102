import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  envoyBinary, envoyProgram, haproxyProgram, imageNode, meshwrightProgram, nginxProgram, nginxTemporary, versionOf, type Peer, type Place, type Program,
} from './peer';

/** Files of a mesh with one authority: what a server and a client show, in PEM. */
export interface Pki {
  readonly authority: string;
  readonly server: string;
  readonly client: string;
  /** Of both. */
  readonly key: string;
  /** Certificate and key of either in one file, as HAProxy wants them. */
  readonly serverWithKey: string;
  readonly clientWithKey: string;
  /** A DNS name of the server's certificate. */
  readonly host: string;
}

/** ECDSA P-256, as a mesh's certificates are, made by openssl. */
export function makePki(folder: string): Pki {
  const at = (name: string): string => join(folder, name);
  const host = 'payment.shop';
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'ca.key');
  openssl('req', '-x509', '-new', '-key', 'ca.key', '-subj', '/CN=mesh', '-days', '2', '-out', 'ca.pem');
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'leaf.sec1');
  openssl('pkcs8', '-topk8', '-nocrypt', '-in', 'leaf.sec1', '-out', 'leaf.key');
  for (const [name, names] of [['server', `DNS:${host},URI:spiffe://mesh/ns/shop/sa/payment`], ['client', 'DNS:cart.shop,URI:spiffe://mesh/ns/shop/sa/cart']]) {
    writeFileSync(at(`${name}.ext`), `subjectAltName=${names}\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n`);
    openssl('req', '-new', '-key', 'leaf.key', '-subj', `/CN=${name}`, '-out', `${name}.csr`);
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`,
      '-out', `${name}.pem`);
    writeFileSync(at(`${name}.both.pem`), readFileSync(at(`${name}.pem`), 'utf8') + readFileSync(at('leaf.key'), 'utf8'), { mode: 0o600 });
  }
  return {
    authority: at('ca.pem'), server: at('server.pem'), client: at('client.pem'), key: at('leaf.key'), serverWithKey: at('server.both.pem'),
    clientWithKey: at('client.both.pem'), host,
  };
}

export interface TlsSetting extends Place {
  readonly pki: Pki;
  /** Ports of the application's endpoints. */
  readonly upstreams: readonly number[];
}

/** One hop: whom it serves, and whom it asks. */
interface Hop {
  readonly name: string;
  readonly port: number;
  readonly upstreams: readonly number[];
  /** Clients have to show a certificate of the mesh. */
  readonly secureClients: boolean;
  /** It shows its certificate to upstreams, and checks theirs. */
  readonly secureUpstreams: boolean;
}

const FORMAT = { time: '%START_TIME%', method: '%REQ(:METHOD)%', path: '%REQ(:PATH)%', status: '%RESPONSE_CODE%', duration: '%DURATION%', upstream: '%UPSTREAM_HOST%' };

// Each with TLS 1.3, AES-128-GCM, X25519, verified certificates on both sides where there is TLS, a route by host and path, timeouts, two retries, the
// less loaded endpoint, and a JSON access log to /dev/null.

function haproxyHop({ pki, ...place }: TlsSetting, { name, port, upstreams, secureClients, secureUpstreams }: Hop): Program {
  const bind = secureClients ? ` ssl crt ${pki.serverWithKey} ca-file ${pki.authority} verify required alpn http/1.1 curves X25519` : '';
  const server = secureUpstreams ? ` ssl crt ${pki.clientWithKey} ca-file ${pki.authority} verify required verifyhost ${pki.host} sni str(${pki.host}) alpn http/1.1` : '';
  return haproxyProgram(place, `haproxy-${name}`, `
global
  nbthread 1
  maxconn 4000
  log stdout format raw local0
  ssl-default-bind-options ssl-min-ver TLSv1.2
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
  ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256

defaults
  mode http
  log global
  timeout connect 1s
  timeout client 60s
  timeout server 5s
  timeout queue 1s
  retries 2
  retry-on conn-failure empty-response 502 503 504
  http-reuse always

frontend mesh
  bind 127.0.0.1:${port}${bind}
  log-format '{"time":"%t","method":"%HM","path":"%HP","status":%ST,"duration":%Ta,"server":"%s"}'
  http-request set-header x-request-id %[uuid]
  use_backend payment if { hdr(host) -i ${pki.host} } { path_beg /api/ }
  default_backend none

backend none
  http-request deny deny_status 404

backend payment
  balance random(2)
${upstreams.map((upstream) => `  server s${upstream} 127.0.0.1:${upstream}${server} maxconn 400`).join('\n')}
`, port);
}

function nginxHop({ pki, ...place }: TlsSetting, { name, port, upstreams, secureClients, secureUpstreams }: Hop): Program {
  return nginxProgram(place, `nginx-${name}`, `http {
${nginxTemporary(place, `nginx-${name}`)}
  log_format json escape=json '{"time":"$time_iso8601","method":"$request_method","path":"$uri","status":$status,"duration":$request_time,"upstream":"$upstream_addr"}';
  access_log /dev/null json buffer=64k flush=1s;
  keepalive_requests 100000000;
  upstream payment {
    least_conn;
${upstreams.map((upstream) => `    server 127.0.0.1:${upstream};`).join('\n')}
    keepalive 400;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port}${secureClients ? ' ssl' : ''};
    server_name ${pki.host};
${secureClients ? `    ssl_certificate ${pki.server};
    ssl_certificate_key ${pki.key};
    ssl_client_certificate ${pki.authority};
    ssl_verify_client on;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    ssl_ecdh_curve X25519;
    ssl_session_tickets on;
` : ''}    location /api/ {
      proxy_pass ${secureUpstreams ? 'https' : 'http'}://payment;
${secureUpstreams ? `      proxy_ssl_certificate ${pki.client};
      proxy_ssl_certificate_key ${pki.key};
      proxy_ssl_trusted_certificate ${pki.authority};
      proxy_ssl_verify on;
      proxy_ssl_name ${pki.host};
      proxy_ssl_server_name on;
      proxy_ssl_protocols TLSv1.3;
      proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
` : ''}      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Request-Id $request_id;
      proxy_connect_timeout 1s;
      proxy_read_timeout 5s;
      proxy_next_upstream error timeout http_502 http_503 http_504;
      proxy_next_upstream_tries 3;
    }
    location / { return 404; }
  }
}
`, port);
}

/** One bootstrap, for our proxy and for Envoy. */
function bootstrap({ pki }: TlsSetting, { port, upstreams, secureClients, secureUpstreams }: Hop): unknown {
  const type = (name: string) => `type.googleapis.com/${name}`;
  const address = (number: number) => ({ socket_address: { address: '127.0.0.1', port_value: number } });
  const context = (chain: string, san: string) => ({
    tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3', ecdh_curves: ['X25519'] },
    tls_certificates: [{ certificate_chain: { filename: chain }, private_key: { filename: pki.key } }],
    validation_context: {
      trusted_ca: { filename: pki.authority }, match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: `spiffe://mesh/ns/shop/sa/${san}` } }],
    },
    alpn_protocols: ['http/1.1'],
  });
  return {
    node: { id: 'bench.shop', cluster: 'order.shop' },
    static_resources: {
      listeners: [{
        name: 'mesh',
        address: address(port),
        filter_chains: [{
          ...(secureClients ? {
            transport_socket: {
              name: 'tls',
              typed_config: {
                '@type': type('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'),
                'common_tls_context': context(pki.server, 'cart'), 'require_client_certificate': true,
              },
            },
          } : {}),
          filters: [{
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type': type('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
              'stat_prefix': 'mesh',
              'use_remote_address': true,
              'access_log': [{
                name: 'file',
                typed_config: {
                  '@type': type('envoy.extensions.access_loggers.file.v3.FileAccessLog'), 'path': '/dev/null', 'log_format': { json_format: FORMAT },
                },
              }],
              'route_config': {
                name: 'routes',
                virtual_hosts: [{
                  name: 'payment', domains: [pki.host],
                  routes: [{
                    match: { prefix: '/api/' },
                    route: { cluster: 'payment', timeout: '5s', retry_policy: { retry_on: 'gateway-error,connect-failure,reset', num_retries: 2 } },
                  }],
                }],
              },
              'http_filters': [{
                name: 'envoy.filters.http.router', typed_config: { '@type': type('envoy.extensions.filters.http.router.v3.Router') },
              }],
            },
          }],
        }],
      }],
      clusters: [{
        name: 'payment', type: 'STATIC', connect_timeout: '1s', lb_policy: 'LEAST_REQUEST',
        circuit_breakers: { thresholds: [{ max_connections: 4000, max_pending_requests: 4000, max_requests: 4000, max_retries: 100 }] },
        ...(secureUpstreams ? {
          transport_socket: {
            name: 'tls',
            typed_config: {
              '@type': type('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'), 'sni': pki.host, 'common_tls_context': context(pki.client, 'payment'),
            },
          },
        } : {}),
        load_assignment: { cluster_name: 'payment', endpoints: [{ lb_endpoints: upstreams.map((upstream) => ({ endpoint: { address: address(upstream) } })) }] },
      }],
    },
  };
}

type MakeHop = (setting: TlsSetting, hop: Hop) => Program;

const HOPS: Readonly<Record<string, { readonly name: string; readonly version: (setting: TlsSetting) => string; readonly hop: MakeHop }>> = {
  haproxy: { name: 'HAProxy', version: () => versionOf('haproxy', ['-v']), hop: haproxyHop },
  nginx: { name: 'nginx', version: () => versionOf('nginx', ['-v']), hop: nginxHop },
  envoy: {
    name: 'Envoy', version: (setting) => versionOf(envoyBinary(setting), ['--version']),
    hop: (setting, hop) => envoyProgram(setting, `envoy-${hop.name}`, bootstrap(setting, hop), hop.port),
  },
  meshwright: {
    name: 'meshwright', version: (setting) => `Node ${versionOf(imageNode(setting), ['--version'])}`,
    hop: (setting, hop) => meshwrightProgram(setting, `meshwright-${hop.name}`, bootstrap(setting, hop), hop.port),
  },
};

export const TLS_PEERS: readonly string[] = Object.keys(HOPS);

/** Ends the clients' mutual TLS before the application. */
export function tlsServer(kind: string, setting: TlsSetting, port: number): Peer {
  const { name, version, hop } = HOPS[kind];
  const program = hop(setting, { name: 'server', port, upstreams: setting.upstreams, secureClients: true, secureUpstreams: false });
  return { name, version: version(setting), port, programs: [program] };
}

/** Two, with mutual TLS between them: a caller's sidecar and a callee's. */
export function tlsPair(kind: string, setting: TlsSetting, port: number): Peer {
  const { name, version, hop } = HOPS[kind];
  const callee = hop(setting, { name: 'callee', port: port + 1, upstreams: setting.upstreams, secureClients: true, secureUpstreams: false });
  const caller = hop(setting, { name: 'caller', port, upstreams: [port + 1], secureClients: false, secureUpstreams: true });
  return { name, version: version(setting), port, programs: [callee, caller] };
}
