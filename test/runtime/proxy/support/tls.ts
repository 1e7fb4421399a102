import type { DownstreamTlsConfig, NameMatchConfig, TlsCertificateConfig, UpstreamTlsConfig, ValidationConfig } from '../../../../runtime/proxy/config/tls-types';
import type { Identity } from './pki';

export const certificateOf = ({ chain, key }: Identity): TlsCertificateConfig => ({ chain, key });

export function trust(trustedCa: string, ...names: readonly (string | NameMatchConfig)[]): ValidationConfig {
  return {
    trustedCa,
    crl: undefined,
    names: names.map((name) => (typeof name === 'string' ? { type: 'uri', match: { kind: 'exact', value: name, ignoreCase: false } } : name)),
    fingerprints: [],
  };
}

const COMMON = { kind: 'tls', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', ciphers: undefined, curves: undefined, alpn: [] } as const;

export interface Parts {
  readonly identity?: Identity;
  readonly validation?: ValidationConfig;
}

export function downstreamTls({ identity, validation, ...more }: Parts & Partial<Omit<DownstreamTlsConfig, 'validation'>>): DownstreamTlsConfig {
  return {
    ...COMMON,
    certificates: identity ? [{ value: certificateOf(identity) }] : [],
    validation: validation && { trust: { value: validation }, defaults: undefined },
    requireClientCertificate: validation !== undefined,
    requireSni: false,
    resumption: true,
    ticketKeys: undefined,
    sessionTimeout: 3_600_000,
    handshakeTimeout: 15_000,
    ...more,
  };
}

export function upstreamTls({ identity, validation, ...more }: Parts & Partial<Omit<UpstreamTlsConfig, 'validation'>>): UpstreamTlsConfig {
  return {
    ...COMMON,
    certificates: identity ? [{ value: certificateOf(identity) }] : [],
    validation: validation && { trust: { value: validation }, defaults: undefined },
    sni: undefined,
    nameIsSni: false,
    maxSessionKeys: 1,
    ...more,
  };
}
