import type { Families } from './families';

/** What is counted of the handshakes of one side. */
export interface TlsCounters {
  readonly handshake: number;
  readonly sessionReused: number;
  readonly noCertificate: number;
  readonly connectionError: number;
  readonly failVerifyNoCert: number;
  readonly failVerifyError: number;
  readonly failVerifySan: number;
  readonly handshakeTimeout: number;
  readonly versions: ReadonlyMap<string, number>;
}

const COUNTERS: readonly (readonly [string, Exclude<keyof TlsCounters, 'versions'>, string])[] = [
  ['handshake', 'handshake', 'TLS handshakes done'],
  ['session_reused', 'sessionReused', 'TLS handshakes that resumed a session'],
  ['no_certificate', 'noCertificate', 'TLS handshakes without a certificate of the peer, where it may come without'],
  ['connection_error', 'connectionError', 'TLS handshakes that broke off without a certificate being the reason'],
  ['fail_verify_no_cert', 'failVerifyNoCert', 'TLS handshakes refused because the peer has no certificate'],
  ['fail_verify_error', 'failVerifyError', 'TLS handshakes refused because the certificate of the peer is not trusted'],
  ['fail_verify_san', 'failVerifySan', 'TLS handshakes refused because the peer is somebody else'],
  ['handshake_timeout', 'handshakeTimeout', 'TLS handshakes that were not done in time'],
];

/** Adds what was counted: of listeners by their address, of clusters by their name; under Envoy's names. */
export function collectTls({ listeners, clusters }: Record<'listeners' | 'clusters', Iterable<readonly [string, TlsCounters]>>, into: Families): void {
  for (const [address, counters] of listeners) collect('listener', { envoy_listener_address: address }, '{envoy_listener_address}', counters, into);
  for (const [name, counters] of clusters) collect('cluster', { envoy_cluster_name: name }, '{envoy_cluster_name}', counters, into);
}

function collect(side: string, labels: Record<string, string>, name: string, counters: TlsCounters, into: Families): void {
  for (const [key, counter, help] of COUNTERS) {
    into.counter(`envoy_${side}_ssl_${key}`, help, `${side}.${name}.ssl.${key}`).add(labels, counters[counter]);
  }
  for (const [version, count] of counters.versions) {
    into.counter(`envoy_${side}_ssl_versions`, 'TLS handshakes by version', `${side}.${name}.ssl.versions.{envoy_ssl_version}`)
      .add({ ...labels, envoy_ssl_version: version }, count);
  }
}
