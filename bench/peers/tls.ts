import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { envoyBinary, envoyProgram, haproxyProgram, imageNode, meshwrightProgram, nginxProgram, versionOf, type Peer, type Program } from './peer';
import { bootstrap, envoyBootstrap, haproxyConfig, nginxConfig, type Setting } from './policies';

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

export interface TlsSetting extends Setting {
  readonly pki: Pki;
  /** A call ends when its caller waits no more (`grpc-timeout`). */
  readonly grpc?: boolean;
}

function alpn({ http2 }: Setting): string {
  return http2 ? 'h2' : 'http/1.1';
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

// Each with all the policies of the other suites, and TLS 1.3, AES-128-GCM, X25519, and verified certificates on both sides where there is TLS.

function haproxyHop(setting: TlsSetting, { name, port, upstreams, secureClients, secureUpstreams }: Hop): Program {
  const { pki } = setting;
  let config = haproxyConfig({ ...setting, upstreams }, port).replace('  nbthread 1\n', `  nbthread 1
  ssl-default-bind-options ssl-min-ver TLSv1.2
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
  ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256
`);
  if (secureClients) {
    config = config.replace(`bind 127.0.0.1:${port}`, `$& ssl crt ${pki.serverWithKey} ca-file ${pki.authority} verify required alpn ${alpn(setting)} curves X25519`);
  }
  if (secureUpstreams) {
    const asked = `ssl crt ${pki.clientWithKey} ca-file ${pki.authority} verify required verifyhost ${pki.host} sni str(${pki.host}) alpn ${alpn(setting)}`;
    config = config.replace(/server s\d+ 127\.0\.0\.1:\d+/g, `$& ${asked}`);
  }
  return haproxyProgram(setting, `haproxy-${name}`, config, port);
}

function nginxHop(setting: TlsSetting, { name, port, upstreams, secureClients, secureUpstreams }: Hop): Program {
  const { pki } = setting;
  // Its folders have its name.
  const place = { ...setting, folder: join(setting.folder, name), upstreams };
  let config = nginxConfig(place, port);
  if (secureClients) {
    config = config.replaceAll(`listen 127.0.0.1:${port}`, '$& ssl').replace('http {', `http {
  ssl_certificate ${pki.server};
  ssl_certificate_key ${pki.key};
  ssl_client_certificate ${pki.authority};
  ssl_verify_client on;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
  ssl_ecdh_curve X25519;`);
  }
  if (secureUpstreams) {
    config = config.replace('proxy_pass http://payment;', `proxy_pass https://payment;
      proxy_ssl_certificate ${pki.client};
      proxy_ssl_certificate_key ${pki.key};
      proxy_ssl_trusted_certificate ${pki.authority};
      proxy_ssl_verify on;
      proxy_ssl_name ${pki.host};
      proxy_ssl_server_name on;
      proxy_ssl_protocols TLSv1.3;
      proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;`);
  }
  return nginxProgram(place, 'nginx', config, port);
}

/** A bootstrap of our proxy's or of Envoy's with TLS: they are told alike. */
function withTls(config: any, setting: TlsSetting, { secureClients, secureUpstreams }: Hop): unknown {
  const { pki } = setting;
  const type = (name: string) => `type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.${name}`;
  const context = (chain: string, peer: string) => ({
    tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3', ecdh_curves: ['X25519'] },
    tls_certificates: [{ certificate_chain: { filename: chain }, private_key: { filename: pki.key } }],
    validation_context: {
      trusted_ca: { filename: pki.authority }, match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: `spiffe://mesh/ns/shop/sa/${peer}` } }],
    },
    alpn_protocols: [alpn(setting)],
  });
  const { listeners, clusters } = config.static_resources;
  if (setting.grpc) {
    const { route_config: { virtual_hosts: hosts } } = listeners[0].filter_chains[0].filters[0].typed_config;
    for (const { routes } of hosts) for (const { route } of routes) if (route) route.max_stream_duration = { grpc_timeout_header_max: '0s' };
  }
  if (secureClients) {
    listeners[0].filter_chains[0].transport_socket = {
      name: 'tls',
      typed_config: {
        '@type': type('DownstreamTlsContext'), 'common_tls_context': context(pki.server, 'cart'), 'require_client_certificate': true,
      },
    };
  }
  if (secureUpstreams) {
    clusters[0].transport_socket = {
      name: 'tls',
      typed_config: { '@type': type('UpstreamTlsContext'), 'sni': pki.host, 'common_tls_context': context(pki.client, 'payment') },
    };
  }
  return config;
}

type MakeHop = (setting: TlsSetting, hop: Hop) => Program;

const HOPS: Readonly<Record<string, { readonly name: string; readonly version: (setting: TlsSetting) => string; readonly hop: MakeHop }>> = {
  haproxy: { name: 'HAProxy', version: () => versionOf('haproxy', ['-v']), hop: haproxyHop },
  nginx: { name: 'nginx', version: () => versionOf('nginx', ['-v']), hop: nginxHop },
  envoy: {
    name: 'Envoy', version: (setting) => versionOf(envoyBinary(setting), ['--version']),
    hop: (setting, hop) => envoyProgram(setting, `envoy-${hop.name}`,
      withTls(envoyBootstrap({ ...setting, upstreams: hop.upstreams }, hop.port), setting, hop), hop.port),
  },
  meshwright: {
    name: 'meshwright', version: (setting) => `Node ${versionOf(imageNode(setting), ['--version'])}`,
    hop: (setting, hop) => meshwrightProgram(setting, `meshwright-${hop.name}`,
      withTls(bootstrap({ ...setting, upstreams: hop.upstreams }, hop.port, hop.port + 1), setting, hop), hop.port),
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
  const callee = hop(setting, { name: 'callee', port: port + 2, upstreams: setting.upstreams, secureClients: true, secureUpstreams: false });
  const caller = hop(setting, { name: 'caller', port, upstreams: [port + 2], secureClients: false, secureUpstreams: true });
  return { name, version: version(setting), port, programs: [callee, caller] };
}
