import type { DownstreamTlsConfig, OrSecret, SecretConfig, TlsCertificateConfig, TlsCommonConfig, ValidationConfig } from '../config/tls-types';

export type Secrets = ReadonlyMap<string, SecretConfig>;

/** A context with the values of its secrets. */
export interface ResolvedTls {
  readonly certificates: readonly TlsCertificateConfig[];
  readonly validation: ValidationConfig | undefined;
  readonly ticketKeys: readonly Uint8Array[] | undefined;
}

/** @throws Error for a secret that is not there: whoever compiles waited for it. */
export function resolveTls(config: TlsCommonConfig & Partial<Pick<DownstreamTlsConfig, 'ticketKeys'>>, secrets: Secrets): ResolvedTls {
  const { validation, ticketKeys } = config;
  return {
    certificates: config.certificates.map((part) => valueOf(part, secrets, 'certificate').certificate),
    validation: validation && combined(valueOf(validation.trust, secrets, 'validation').validation, validation.defaults),
    ticketKeys: ticketKeys && valueOf(ticketKeys, secrets, 'ticket_keys').keys,
  };
}

/** As Envoy merges them: what the secret brings is added to the rules of the context, and its trust takes the place of theirs. */
function combined(trust: ValidationConfig, defaults: ValidationConfig | undefined): ValidationConfig {
  if (defaults === undefined) return trust;
  return {
    trustedCa: trust.trustedCa || defaults.trustedCa,
    systemRoots: trust.systemRoots ?? defaults.systemRoots,
    crl: trust.crl ?? defaults.crl,
    names: [...defaults.names, ...trust.names],
    fingerprints: [...defaults.fingerprints, ...trust.fingerprints],
  };
}

interface Values {
  certificate: { readonly certificate: TlsCertificateConfig };
  validation: { readonly validation: ValidationConfig };
  ticket_keys: { readonly keys: readonly Uint8Array[] };
}
const MEMBER = { certificate: 'certificate', validation: 'validation', ticket_keys: 'keys' } as const;

function valueOf<K extends keyof Values>(part: OrSecret<unknown>, secrets: Secrets, kind: K): Values[K] {
  if (part.secret === undefined) return { [MEMBER[kind]]: part.value } as unknown as Values[K];
  const secret = secrets.get(part.secret);
  if (secret?.kind !== kind) throw new Error(`secret ${JSON.stringify(part.secret)} is ${secret === undefined ? 'not there' : `of kind ${secret.kind}, not ${kind}`}`);
  return secret as unknown as Values[K];
}
