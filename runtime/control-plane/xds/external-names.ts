import type { Backend, External } from '../model';

export const HTTP_PORT = 80;
export const HTTPS_PORT = 443;

/** `Host` of requests to it: without the port where that is the usual one of its scheme (RFC 9110 §4.2.3). */
export function externalHost({ port }: Backend, { hostname, tls }: External): string {
  return port === (tls ? HTTPS_PORT : HTTP_PORT) ? hostname : `${hostname}:${port}`;
}

/** A backend that is outside of the mesh. */
export type Outside = Backend & { readonly external: External };

/**
 * `Host` of requests that mean each: by its port, and for one of those with a name also without a port and by that of HTTP, where an application
 * leaves TLS to its proxy. What stands in `taken` already is somebody else's.
 */
export function externalDomains(outside: readonly Outside[], taken: Set<string>): Map<Outside, string[]> {
  const domains = new Map(outside.map((one): [Outside, string[]] => [one, []]));
  const give = (one: Outside, domain: string) => {
    if (taken.has(domain)) return;
    taken.add(domain);
    domains.get(one)!.push(domain);
  };
  for (const one of outside) give(one, `${one.external.hostname}:${one.port}`);
  for (const one of [...outside].sort((a, b) => rank(a) - rank(b) || a.port - b.port)) {
    give(one, one.external.hostname);
    give(one, `${one.external.hostname}:${HTTP_PORT}`);
  }
  return domains;
}

/** Who a name without a port means: what the port of HTTP does, else that of HTTPS. */
function rank({ port }: Outside): number {
  return port === HTTP_PORT ? 0 : port === HTTPS_PORT ? 1 : 2;
}
