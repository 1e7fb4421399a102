import type { AuthorityMaterial } from './authority-material';
import type { AuthorityState } from './rotation';

/**
 * An authority as data of a Secret of type kubernetes.io/tls. `tls.crt`, `tls.key` and `ca.crt` are what cert-manager writes; the others are there while
 * a root is being replaced: `next.*` is trusted and does not sign yet, `signing.*` says since when, and with which roots, what signs now has signed.
 */
export const AUTHORITY_KEYS = {
  certificateChain: 'tls.crt',
  privateKey: 'tls.key',
  trustBundle: 'ca.crt',
  nextCertificateChain: 'next.tls.crt',
  nextPrivateKey: 'next.tls.key',
  nextTrustBundle: 'next.ca.crt',
  signingSince: 'signing.since',
  signingTrustBundle: 'signing.ca.crt',
} as const;

type Key = (typeof AUTHORITY_KEYS)[keyof typeof AUTHORITY_KEYS];

/** Decoded data, by key. */
export type AuthorityData = Readonly<Partial<Record<Key, string>>>;

/** @throws Error that names what is missing; never with what is there. */
export function readAuthority(data: AuthorityData, what: string): AuthorityState {
  const part = (key: Key): string => {
    const value = data[key];
    if (value === undefined || value === '') throw new Error(`${what}: ${key} is missing; an authority has tls.crt, tls.key and ca.crt`);
    return value;
  };
  const keys = AUTHORITY_KEYS;
  const material = { certificateChain: part(keys.certificateChain), privateKey: part(keys.privateKey), trustBundle: part(keys.trustBundle) };
  const next: AuthorityMaterial | undefined = data[keys.nextCertificateChain] === undefined ? undefined
    : { certificateChain: part(keys.nextCertificateChain), privateKey: part(keys.nextPrivateKey), trustBundle: part(keys.nextTrustBundle) };
  const since = data[keys.signingSince];
  if (since === undefined) return { material, next, replaced: undefined };
  const milliseconds = Date.parse(since);
  if (Number.isNaN(milliseconds)) throw new Error(`${what}: signing.since is ${JSON.stringify(since)}: must be a time of RFC 3339`);
  return { material, next, replaced: { since: milliseconds, trustBundle: part(keys.signingTrustBundle) } };
}

export function writeAuthority({ material, next, replaced }: AuthorityState): AuthorityData {
  const keys = AUTHORITY_KEYS;
  return {
    [keys.certificateChain]: material.certificateChain,
    [keys.privateKey]: material.privateKey,
    [keys.trustBundle]: material.trustBundle,
    ...next && {
      [keys.nextCertificateChain]: next.certificateChain, [keys.nextPrivateKey]: next.privateKey, [keys.nextTrustBundle]: next.trustBundle,
    },
    ...replaced && { [keys.signingSince]: new Date(replaced.since).toISOString(), [keys.signingTrustBundle]: replaced.trustBundle },
  };
}
