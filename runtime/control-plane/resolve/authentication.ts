import type { MeshServiceSpec } from '../../../src/contract';
import type { Authentication, TokenProvider } from '../model';
import type { Resource } from '../resources';
import { milliseconds } from './policies';
import type { Report } from './report';

type ProviderSpec = NonNullable<MeshServiceSpec['authentication']>['jwt']['providers'][number];

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
  return {
    authentication: {
      providers: jwt.providers.map((provider) => providerOf(id, provider, issuers, report)),
      required: jwt.token === 'required',
      withoutToken: (jwt.withoutToken ?? []).map(({ exact, prefix }) => (
        exact === undefined ? { kind: 'prefix', value: prefix! } : { kind: 'exact', value: exact })),
    },
  };
}

function providerOf(id: Resource<'MeshService'>['id'], provider: ProviderSpec, issuers: KnownIssuers, report: Report): TokenProvider {
  const { issuer, jwksUri, caCertificates, audiences, clockSkew, forwardToken, claimHeaders = [], keys: { refreshAfter, keepFor } } = provider;
  const url = jwksUri ?? issuers.get(issuer);
  if (url === undefined) {
    report.unresolved(id, 'IssuerUnknown', `spec.authentication.jwt.providers: issuer is ${issuer}: it has not said yet where its keys are; `
      + `${discoveryUrl(issuer)} must answer the control plane, or set jwksUri`);
  }
  const keys = {
    url: url ?? discoveryUrl(issuer), authorities: caCertificates, refreshAfter: milliseconds(refreshAfter), keepFor: milliseconds(keepFor),
  };
  return { issuer, audiences, clockSkew: milliseconds(clockSkew), forwardToken, claimHeaders, keys };
}

/** Issuers that have to be asked, and the authorities that vouch for each, in PEM: all that services name; undefined: the public ones. */
export function issuersToAsk(specs: Iterable<MeshServiceSpec>): Map<string, string | undefined> {
  const authorities = new Map<string, Set<string>>();
  for (const { authentication } of specs) {
    for (const { issuer, discovery, caCertificates } of authentication?.jwt.providers ?? []) {
      if (discovery === undefined) continue;
      const known = authorities.get(issuer) ?? new Set();
      authorities.set(issuer, known);
      if (caCertificates !== undefined) known.add(caCertificates.trim());
    }
  }
  return new Map([...authorities].map(([issuer, named]) => [issuer, named.size === 0 ? undefined : [...named].sort().join('\n')]));
}
