import type { MeshServiceSpec } from '../../../src/contract';
import type { Authentication } from '../model';
import type { Resource } from '../resources';
import { milliseconds } from './policies';
import type { Report } from './report';

/** Where issuers have their keys, as they said when they were asked: URLs by issuer. */
export type KnownIssuers = ReadonlyMap<string, string>;

/** Where an OpenID provider says where its keys are (OpenID Connect Discovery 1.0 §4). */
export function discoveryUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}

/** Tokens that a service asks for. While it is not known where the keys are, none can be verified: what proxies know already goes on, what they do not is refused. */
export function authenticationOf(
  { id, spec }: { readonly id: Resource<'MeshService'>['id']; readonly spec: MeshServiceSpec }, issuers: KnownIssuers, report: Report,
): { authentication?: Authentication } {
  const jwt = spec.authentication?.jwt;
  if (jwt === undefined) return {};
  const url = jwt.jwksUri ?? issuers.get(jwt.issuer);
  if (url === undefined) {
    report.unresolved(id, 'IssuerUnknown', `spec.authentication.jwt.issuer is ${jwt.issuer}: it has not said yet where its keys are; `
      + `${discoveryUrl(jwt.issuer)} must answer the control plane, or set jwksUri`);
  }
  const paths = jwt.withoutToken ?? [];
  return {
    authentication: {
      issuer: jwt.issuer,
      audiences: jwt.audiences,
      required: jwt.token === 'required',
      clockSkew: milliseconds(jwt.clockSkew),
      forwardToken: jwt.forwardToken,
      claimHeaders: jwt.claimHeaders ?? [],
      keys: { url: url ?? discoveryUrl(jwt.issuer), refreshAfter: milliseconds(jwt.keys.refreshAfter), keepFor: milliseconds(jwt.keys.keepFor) },
      withoutToken: paths.map(({ exact, prefix }) => (exact === undefined ? { kind: 'prefix', value: prefix! } : { kind: 'exact', value: exact })),
    },
  };
}

/** Issuers that have to be asked. */
export function issuersToAsk(specs: Iterable<MeshServiceSpec>): Set<string> {
  return new Set([...specs].flatMap(({ authentication }) => (authentication?.jwt.discovery === undefined ? [] : [authentication.jwt.issuer])));
}
