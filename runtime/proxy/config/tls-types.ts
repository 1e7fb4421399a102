import type { ValueMatchConfig } from './types';

/** TLS as the data path sees it; as `types.ts`: plain, frozen, durations in milliseconds, Envoy's default for what xDS left out. */

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** A certificate with the intermediates that a peer needs, and its private key; each in PEM. */
export interface TlsCertificateConfig {
  readonly chain: string;
  readonly key: string;
}

/** How a peer's certificate is judged (CertificateValidationContext). */
export interface ValidationConfig {
  /** Roots, in PEM. Empty in the part of a combined context that brings none. */
  readonly trustedCa: string;
  /** Without roots the public authorities that come with the runtime are trusted. */
  readonly systemRoots?: boolean;
  /** Revocation lists, in PEM; one for each authority of a chain. */
  readonly crl: string | undefined;
  /** Where there are some, a name of the peer's certificate has to match one of them. */
  readonly names: readonly NameMatchConfig[];
  /** SHA-256 fingerprints in lower case hexadecimal without colons; where there are some, the certificate has to have one of them. */
  readonly fingerprints: readonly string[];
}

export type NameType = 'uri' | 'dns' | 'ip' | 'email';

/** A subject alternative name. `any`: of whatever type. */
export interface NameMatchConfig {
  readonly type: NameType | 'any';
  readonly match: Exclude<ValueMatchConfig, { readonly kind: 'present' | 'range' }>;
}

/** What SDS brings by name. */
export type SecretConfig =
  | { readonly kind: 'certificate'; readonly name: string; readonly certificate: TlsCertificateConfig }
  | { readonly kind: 'validation'; readonly name: string; readonly validation: ValidationConfig }
  /** 80 or 48 bytes each, as they came; the first encrypts. */
  | { readonly kind: 'ticket_keys'; readonly name: string; readonly keys: readonly Uint8Array[] };

/** A part of a TLS context: there, or the name of a secret. */
export type OrSecret<T> = { readonly secret: string; readonly value?: undefined } | { readonly secret?: undefined; readonly value: T };

/** CommonTlsContext. */
export interface TlsCommonConfig {
  readonly kind: 'tls';
  /** Several: the one whose names match the SNI, else the first. */
  readonly certificates: readonly OrSecret<TlsCertificateConfig>[];
  /** What is trusted, and beside it (combined_validation_context) what holds in addition; undefined: no peer is asked for a certificate. */
  readonly validation: { readonly trust: OrSecret<ValidationConfig>; readonly defaults: ValidationConfig | undefined } | undefined;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** OpenSSL names of TLS 1.2 suites; undefined: ours. */
  readonly ciphers: readonly string[] | undefined;
  readonly curves: readonly string[] | undefined;
  /** In order of preference. */
  readonly alpn: readonly string[];
}

/** DownstreamTlsContext. */
export interface DownstreamTlsConfig extends TlsCommonConfig {
  readonly requireClientCertificate: boolean;
  /** Clients that name no server are refused. */
  readonly requireSni: boolean;
  /** Sessions may be resumed by tickets. */
  readonly resumption: boolean;
  /** Undefined: keys of this process. */
  readonly ticketKeys: OrSecret<readonly Uint8Array[]> | undefined;
  /** How long a session may be resumed. */
  readonly sessionTimeout: number;
  /** transport_socket_connect_timeout of the filter chain: time for a handshake; 0: none. */
  readonly handshakeTimeout: number;
}

/** UpstreamTlsContext. */
export interface UpstreamTlsConfig extends TlsCommonConfig {
  readonly sni: string | undefined;
  /** The peer has to have the SNI as a DNS name, whatever else was to be matched. */
  readonly nameIsSni: boolean;
  /** Sessions kept for each endpoint; 0: none. */
  readonly maxSessionKeys: number;
}

export type SecretKind = SecretConfig['kind'];

/** The secrets that a context needs, each with what it has to be. */
export function secretsOf(config: TlsCommonConfig & Partial<Pick<DownstreamTlsConfig, 'ticketKeys'>>): (readonly [name: string, kind: SecretKind])[] {
  const named = (parts: readonly (OrSecret<unknown> | undefined)[], kind: SecretKind) =>
    parts.flatMap((part): (readonly [string, SecretKind])[] => (part?.secret === undefined ? [] : [[part.secret, kind]]));
  return [...named(config.certificates, 'certificate'), ...named([config.validation?.trust], 'validation'), ...named([config.ticketKeys], 'ticket_keys')];
}
