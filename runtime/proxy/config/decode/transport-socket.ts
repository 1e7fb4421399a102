import {
  CommonTlsContextSchema, create, DownstreamTlsContextSchema, RawBufferSchema, TlsParameters_TlsProtocol as Protocol, unpackAnyAs,
  UpstreamTlsContextSchema,
  type CommonTlsContext, type DownstreamTlsContext, type SdsSecretConfig, type TransportSocket, type UpstreamTlsContext,
} from '../../../xds';
import type { Problems } from '../problems';
import { show } from '../problems';
import type { DownstreamTlsConfig, OrSecret, TlsCertificateConfig, TlsCommonConfig, UpstreamTlsConfig, ValidationConfig } from '../tls-types';
import { durationOrOff } from './scalars';
import { certificate, ticketKeys, validation } from './secret';

/** Ours: a session outlives neither a working day nor, by much, a short-lived certificate. */
const SESSION_TIMEOUT = 3_600_000;
/** Ours; Envoy waits for ever. */
export const HANDSHAKE_TIMEOUT = 15_000;
const CURVES: readonly string[] = ['X25519', 'P-256', 'P-384', 'P-521'];
const VERSION = { [Protocol.TLSv1_2]: 'TLSv1.2', [Protocol.TLSv1_3]: 'TLSv1.3' } as const;

/** Problems of a transport socket that is not plain TCP. */
export function plainText(socket: TransportSocket | undefined, path: string, problems: Problems): void {
  if (!socket) return;
  if (!isPlain(socket)) problems.add(`${path}.typed_config`, 'must be envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer');
}

function isPlain(socket: TransportSocket): boolean {
  return unpackAnyAs(RawBufferSchema, anyOf(socket)) !== undefined;
}

function anyOf({ configType }: TransportSocket) {
  return configType.case === 'typedConfig' ? configType.value : undefined;
}

/** Undefined: plain TCP. */
export function downstreamSocket(
  socket: TransportSocket | undefined, handshakeTimeout: number, path: string, problems: Problems,
): DownstreamTlsConfig | undefined {
  if (!socket || isPlain(socket)) return undefined;
  const context = unpackAnyAs(DownstreamTlsContextSchema, anyOf(socket));
  const at = `${path}.typed_config`;
  if (context) return downstreamTls(context, handshakeTimeout, at, problems);
  problems.add(at, 'must be envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer or envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext');
  return undefined;
}

/** Undefined: plain TCP. */
export function upstreamSocket(socket: TransportSocket | undefined, path: string, problems: Problems): UpstreamTlsConfig | undefined {
  if (!socket || isPlain(socket)) return undefined;
  const context = unpackAnyAs(UpstreamTlsContextSchema, anyOf(socket));
  const at = `${path}.typed_config`;
  if (context) return upstreamTls(context, at, problems);
  problems.add(at, 'must be envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer or envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext');
  return undefined;
}

function downstreamTls(context: DownstreamTlsContext, handshakeTimeout: number, path: string, problems: Problems): DownstreamTlsConfig {
  const common = commonTls(context.commonTlsContext, `${path}.common_tls_context`, problems);
  if (common.certificates.length === 0) {
    problems.add(`${path}.common_tls_context.tls_certificates`, 'is required: a server has a certificate (or tls_certificate_sds_secret_configs)');
  }
  const requireClientCertificate = context.requireClientCertificate ?? false;
  if (requireClientCertificate && common.validation === undefined) {
    problems.add(`${path}.require_client_certificate`, 'true without a validation context would take any certificate: add one with trusted_ca');
  }
  const keys = context.sessionTicketKeysType;
  return {
    kind: 'tls',
    ...common,
    requireClientCertificate,
    requireSni: context.requireSni ?? false,
    resumption: !(keys.case === 'disableStatelessSessionResumption' && keys.value),
    ticketKeys: keys.case === 'sessionTicketKeys' ? { value: ticketKeys(keys.value, `${path}.session_ticket_keys`, problems) }
      : keys.case === 'sessionTicketKeysSdsSecretConfig' ? secretName(keys.value, `${path}.session_ticket_keys_sds_secret_config`, problems) : undefined,
    sessionTimeout: durationOrOff(context.sessionTimeout, SESSION_TIMEOUT, `${path}.session_timeout`, problems),
    handshakeTimeout,
  };
}

function upstreamTls(context: UpstreamTlsContext, path: string, problems: Problems): UpstreamTlsConfig {
  const common = commonTls(context.commonTlsContext, `${path}.common_tls_context`, problems);
  if (common.validation === undefined) {
    problems.add(`${path}.common_tls_context.validation_context`, 'is required: without one anybody could answer in the name of the upstream');
  }
  const sni = context.sni === '' ? undefined : context.sni;
  if (sni !== undefined && (!/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/i.test(sni) || /^[0-9.]+$/.test(sni))) {
    problems.add(`${path}.sni`, `${show(sni)} must be a host name; an address is not sent as SNI (RFC 6066 §3)`);
  }
  if (context.autoSniSanValidation && sni === undefined) problems.add(`${path}.auto_sni_san_validation`, 'true needs sni');
  return { kind: 'tls', ...common, sni, nameIsSni: context.autoSniSanValidation, maxSessionKeys: context.maxSessionKeys ?? 1 };
}

function commonTls(context: CommonTlsContext | undefined, path: string, problems: Problems): Omit<TlsCommonConfig, 'kind'> {
  const common: CommonTlsContext = context ?? empty();
  const params = common.tlsParams;
  const minVersion = versionOf(params?.tlsMinimumProtocolVersion, 'TLSv1.2');
  const maxVersion = versionOf(params?.tlsMaximumProtocolVersion, 'TLSv1.3');
  if (minVersion > maxVersion) problems.add(`${path}.tls_params`, `the lowest version, ${minVersion}, is above the highest, ${maxVersion}`);
  const curves = params?.ecdhCurves ?? [];
  curves.forEach((curve, index) => {
    if (!CURVES.includes(curve)) problems.add(`${path}.tls_params.ecdh_curves[${index}]`, `${show(curve)} must be one of ${CURVES.join(', ')}`);
  });
  const ciphers = (params?.cipherSuites ?? []).flatMap((entry) => entry.replace(/^\[|\]$/g, '').split('|'));
  const known = process.getBuiltinModule('node:tls').getCiphers();
  ciphers.forEach((cipher) => {
    if (!known.includes(cipher.toLowerCase())) problems.add(`${path}.tls_params.cipher_suites`, `${show(cipher)} is no cipher suite of TLS 1.2 by OpenSSL's name`);
  });
  return {
    certificates: certificates(common, path, problems),
    validation: validationOf(common, path, problems),
    minVersion,
    maxVersion,
    ciphers: ciphers.length > 0 ? ciphers : undefined,
    curves: curves.length > 0 ? curves : undefined,
    alpn: protocolNames(common.alpnProtocols, `${path}.alpn_protocols`, problems),
  };
}

function empty(): CommonTlsContext {
  return create(CommonTlsContextSchema);
}

function versionOf(version: Protocol | undefined, fallback: TlsCommonConfig['minVersion']): TlsCommonConfig['minVersion'] {
  return VERSION[version as keyof typeof VERSION] ?? fallback;
}

/** Names of protocols for ALPN (RFC 7301 §3.1). As in Envoy one entry may hold several, with commas. */
export function protocolNames(entries: readonly string[], path: string, problems: Problems): readonly string[] {
  const names = entries.flatMap((entry) => entry.split(','));
  names.forEach((name) => {
    if (name === '' || name.length > 255) problems.add(path, `${show(name)} must be a protocol name of 1 to 255 bytes`);
  });
  return names;
}

function certificates(common: CommonTlsContext, path: string, problems: Problems): OrSecret<TlsCertificateConfig>[] {
  const { tlsCertificates, tlsCertificateSdsSecretConfigs: secrets } = common;
  if (tlsCertificates.length > 0 && secrets.length > 0) {
    problems.add(`${path}.tls_certificates`, 'and tls_certificate_sds_secret_configs exclude each other');
  }
  return [
    ...tlsCertificates.flatMap((item, index): OrSecret<TlsCertificateConfig>[] => {
      const value = certificate(item, `${path}.tls_certificates[${index}]`, problems);
      return value === undefined ? [] : [{ value }];
    }),
    ...secrets.map((item, index) => secretName(item, `${path}.tls_certificate_sds_secret_configs[${index}]`, problems)),
  ];
}

function validationOf(common: CommonTlsContext, path: string, problems: Problems): TlsCommonConfig['validation'] {
  const context = common.validationContextType;
  switch (context.case) {
    case 'validationContext': {
      const value = validation(context.value, `${path}.validation_context`, problems);
      trusts(value, `${path}.validation_context.trusted_ca`, problems);
      return { trust: { value }, defaults: undefined };
    }
    case 'validationContextSdsSecretConfig':
      return { trust: secretName(context.value, `${path}.validation_context_sds_secret_config`, problems), defaults: undefined };
    case 'combinedValidationContext': {
      const at = `${path}.combined_validation_context`;
      const { defaultValidationContext: defaults, validationContextSdsSecretConfig: named } = context.value;
      if (!named) problems.add(`${at}.validation_context_sds_secret_config`, 'is required');
      if (!defaults) problems.add(`${at}.default_validation_context`, 'is required');
      return named && defaults && {
        trust: secretName(named, `${at}.validation_context_sds_secret_config`, problems),
        defaults: validation(defaults, `${at}.default_validation_context`, problems),
      };
    }
    default:
      return undefined;
  }
}

function trusts({ trustedCa, systemRoots }: ValidationConfig, path: string, problems: Problems): void {
  if (trustedCa === '' && systemRoots !== true) problems.add(path, 'is required, or system_root_certs: without one every certificate would be taken');
}

function secretName({ name, sdsConfig }: SdsSecretConfig, path: string, problems: Problems): { readonly secret: string } {
  if (name === '') problems.add(`${path}.name`, 'is required');
  if (sdsConfig && sdsConfig.configSourceSpecifier.case !== 'ads') problems.add(`${path}.sds_config.ads`, 'is required: the only source');
  return { secret: name };
}
