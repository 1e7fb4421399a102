import type { SecureContext, SecureContextOptions } from 'node:tls';
import type { TlsCommonConfig, TlsCertificateConfig } from '../config/tls-types';
import type { ResolvedTls } from './resolve';

/**
 * Forward secrecy and authenticated encryption only. With the processor's own AES the shorter key is the faster, and it is strong enough: as BoringSSL
 * has it.
 */
const SUITES_13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];
const SUITES_12 = [
  'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305',
];
/** Envoy's. */
const CURVES = ['X25519', 'P-256'];

/** Contexts of the runtime that are as the configuration says: one for each certificate, or one without any. */
export function secureContexts(config: TlsCommonConfig, resolved: ResolvedTls, more: SecureContextOptions): SecureContext[] {
  const { createSecureContext } = process.getBuiltinModule('node:tls');
  const common = contextOptions(config, resolved, more);
  const { certificates } = resolved;
  if (certificates.length === 0) return [createSecureContext(common)];
  return certificates.map(({ chain, key }) => createSecureContext({ ...common, cert: chain, key }));
}

function contextOptions(
  config: TlsCommonConfig, { validation }: ResolvedTls, { secureOptions = 0, ...more }: SecureContextOptions,
): SecureContextOptions {
  const { constants } = process.getBuiltinModule('node:crypto');
  return {
    ca: trustedBy(validation),
    crl: validation?.crl === undefined ? undefined : revocationLists(validation.crl),
    minVersion: config.minVersion,
    maxVersion: config.maxVersion,
    ciphers: [...SUITES_13, ...(config.ciphers ?? SUITES_12)].join(':'),
    ecdhCurve: (config.curves ?? CURVES).join(':'),
    honorCipherOrder: true,
    // A client may not make the server do a handshake again (CVE-2011-1473); TLS 1.3 has none.
    secureOptions: secureOptions | constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
    ...more,
  };
}

/** None is not the same as the default of the runtime, which is its public authorities: one store for all contexts. */
function trustedBy(validation: ResolvedTls['validation']): SecureContextOptions['ca'] {
  if (validation === undefined) return [];
  if (validation.trustedCa !== '') return validation.trustedCa;
  return validation.systemRoots === true ? undefined : [];
}

/** Each list apart: the runtime reads one of a string. */
function revocationLists(pem: string): string[] {
  return pem.match(/-----BEGIN X509 CRL-----[^-]*-----END X509 CRL-----/g) ?? [];
}

/** What is wrong with a certificate and its key; undefined: nothing. */
export function certificateProblem({ chain, key }: TlsCertificateConfig): string | undefined {
  const { createPrivateKey, X509Certificate } = process.getBuiltinModule('node:crypto');
  let certificate: InstanceType<typeof X509Certificate>;
  try {
    certificate = new X509Certificate(chain);
  } catch (error) {
    return `certificate_chain: is no certificate in PEM: ${(error as Error).message}`;
  }
  try {
    // The error of a key may quote it.
    if (!certificate.checkPrivateKey(createPrivateKey(key))) return `private_key: is not the key of the certificate of ${certificate.subject || certificate.subjectAltName}`;
  } catch {
    return 'private_key: is no private key in PEM, or has a password';
  }
  try {
    process.getBuiltinModule('node:tls').createSecureContext({ cert: chain, key, ca: [] });
  } catch (error) {
    return `certificate_chain: cannot be used: ${(error as Error).message}`;
  }
  return undefined;
}

/** What is wrong with roots or revocation lists; undefined: nothing. */
export function trustProblem(trustedCa: string, crl: string | undefined): string | undefined {
  const { createSecureContext } = process.getBuiltinModule('node:tls');
  if (trustedCa !== '' && !/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/.test(trustedCa)) return 'trusted_ca: has no certificate in PEM';
  try {
    createSecureContext({ ca: trustedCa === '' ? [] : trustedCa });
  } catch (error) {
    return `trusted_ca: ${(error as Error).message}`;
  }
  if (crl === undefined) return undefined;
  const lists = revocationLists(crl);
  if (lists.length === 0) return 'crl: has no revocation list in PEM';
  try {
    createSecureContext({ ca: [], crl: lists });
  } catch (error) {
    return `crl: ${(error as Error).message}`;
  }
  return undefined;
}

/** In the form of the wire (RFC 7301 §3.1). */
export function alpnWire(protocols: readonly string[]): Buffer | undefined {
  if (protocols.length === 0) return undefined;
  return Buffer.concat(protocols.map((name) => Buffer.concat([Buffer.from([name.length]), Buffer.from(name, 'latin1')])));
}
