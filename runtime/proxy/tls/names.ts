import type { NameMatchConfig, NameType } from '../config/tls-types';
import { compileValue } from '../route/value-match';
import type { PeerIdentity } from '../transport/tls';

const NAMES: Readonly<Record<NameType, (identity: PeerIdentity) => readonly string[]>> = {
  uri: ({ uris }) => uris,
  dns: ({ dnsNames }) => dnsNames,
  ip: ({ ipAddresses }) => ipAddresses,
  email: ({ emails }) => emails,
};
const TYPES = Object.keys(NAMES) as NameType[];

export type NameMatcher = (identity: PeerIdentity) => boolean;

/** Whether a certificate has one of the names; with no rule every certificate does. */
export function compileNames(rules: readonly NameMatchConfig[]): NameMatcher {
  if (rules.length === 0) return () => true;
  const matchers = rules.map(({ type, match }): NameMatcher => {
    const types = type === 'any' ? TYPES : [type];
    const matches = compileValue(match);
    // An exact DNS name is compared as a host is: without case, and a certificate may have a wildcard for its first label (RFC 6125 §6.4).
    const isHost = type === 'dns' && match.kind === 'exact';
    return (identity) => types.some((each) => NAMES[each](identity).some((name) => (isHost ? isNamed(match.value, name) : matches(name))));
  });
  return (identity) => matchers.some((matches) => matches(identity));
}

/** Whether a DNS name of a certificate stands for a host. */
export function isNamed(host: string, name: string): boolean {
  const wanted = host.toLowerCase();
  const given = name.toLowerCase();
  if (!given.startsWith('*.')) return given === wanted;
  const dot = wanted.indexOf('.');
  return dot > 0 && wanted.slice(dot) === given.slice(1);
}

/** As errors show it. */
export function showNames(rules: readonly NameMatchConfig[]): string {
  return rules.map(({ type, match }) => `${type === 'any' ? '' : `${type} `}${match.kind === 'exact' ? '' : `${match.kind} `}${match.value}`).join(' or ');
}
