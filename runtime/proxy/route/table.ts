import type { RouteTableConfig } from '../config/types';
import { compileRoute, type CompiledRoute } from './route';
import type { RequestHead, RouteMatch, RouteTable } from './types';
import { RouteList } from './virtual-host';

/** Domains with a wildcard at one end, by the length of what they fix, the longest first. */
type Wildcards = readonly (readonly [length: number, hosts: ReadonlyMap<string, RouteList>])[];

/** Hosts remembered whose virtual host was found by a wildcard; clients choose them, so there is a bound. */
const REMEMBERED = 1024;
/** A host name of 255 characters, a colon and a port: what is longer is not worth remembering. */
const LONGEST_HOST = 261;

class CompiledTable implements RouteTable {
  private readonly remembered = new Map<string, RouteList | undefined>();
  /** Most requests of a proxy go to the host that the last one went to. */
  private lastAuthority: string | undefined;
  private lastHost: RouteList | undefined;

  constructor(
    readonly name: string,
    private readonly exact: ReadonlyMap<string, RouteList>,
    private readonly suffixes: Wildcards,
    private readonly prefixes: Wildcards,
    private readonly fallback: RouteList | undefined,
  ) {}

  match(head: RequestHead, random: () => number): RouteMatch | undefined {
    const { authority } = head;
    if (authority !== this.lastAuthority) {
      this.lastHost = this.find(authority);
      this.lastAuthority = authority;
    }
    return this.lastHost === undefined ? undefined : this.lastHost.match(head, random);
  }

  private find(authority: string): RouteList | undefined {
    const exact = this.exact.get(authority);
    if (exact !== undefined) return exact;
    if (this.suffixes.length === 0 && this.prefixes.length === 0) return this.fallback;
    if (this.remembered.has(authority)) return this.remembered.get(authority);
    const found = this.findWildcard(authority);
    if (authority.length > LONGEST_HOST) return found;
    if (this.remembered.size >= REMEMBERED) this.remembered.clear();
    this.remembered.set(authority, found);
    return found;
  }

  private findWildcard(authority: string): RouteList | undefined {
    for (const [length, hosts] of this.suffixes) {
      // The star stands for at least one character.
      const found = length < authority.length ? hosts.get(authority.slice(authority.length - length)) : undefined;
      if (found) return found;
    }
    for (const [length, hosts] of this.prefixes) {
      const found = length < authority.length ? hosts.get(authority.slice(0, length)) : undefined;
      if (found) return found;
    }
    return this.fallback;
  }
}

export interface RouteDependencies {
  /** 0 ≤ x < 1. */
  readonly random: () => number;
}

/**
 * Compiles a route table. The virtual host is the one with the exact authority (a port is part of it: `payment:8080` and `payment` are two
 * domains), then the longest `*suffix`, then the longest `prefix*`, then `*`; in it the first route that matches.
 *
 * @param dependencies `random` makes the values of new cookies.
 * @throws Error with a line for every pattern, substitution, sum of weights and domain that is wrong.
 */
export function compileRouteTable(config: RouteTableConfig, { random }: RouteDependencies): RouteTable {
  const problems: string[] = [];
  const exact = new Map<string, RouteList>();
  const suffixes = new Map<number, Map<string, RouteList>>();
  const prefixes = new Map<number, Map<string, RouteList>>();
  let fallback: RouteList | undefined;
  const claim = <K>(hosts: Map<K, RouteList>, key: K, list: RouteList, place: string, domain: string) => {
    if (hosts.has(key)) problems.push(`${place}: domain '${domain}' stands in the table already; a domain belongs to one virtual host`);
    else hosts.set(key, list);
  };
  for (const host of config.virtualHosts) {
    const place = `route table '${config.name}', virtual host '${host.name}'`;
    const routes = host.routes.map((route, index) => compileRoute(host, route, index, random, (field, error) => {
      problems.push(`${place}, route ${index}${route.name ? ` '${route.name}'` : ''}: ${field}: ${error instanceof Error ? error.message : String(error)}`);
    }));
    const list = new RouteList(routes.filter((route): route is CompiledRoute => route !== undefined));
    for (const domain of host.domains) {
      if (domain === '*') {
        if (fallback) problems.push(`${place}: domain '*' stands in the table already; a domain belongs to one virtual host`);
        fallback ??= list;
      } else if (domain.startsWith('*')) {
        claim(ofLength(suffixes, domain.length - 1), domain.slice(1), list, place, domain);
      } else if (domain.endsWith('*')) {
        claim(ofLength(prefixes, domain.length - 1), domain.slice(0, -1), list, place, domain);
      } else {
        claim(exact, domain, list, place, domain);
      }
    }
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return new CompiledTable(config.name, exact, longestFirst(suffixes), longestFirst(prefixes), fallback);
}

function ofLength(wildcards: Map<number, Map<string, RouteList>>, length: number): Map<string, RouteList> {
  const hosts = wildcards.get(length) ?? new Map<string, RouteList>();
  wildcards.set(length, hosts);
  return hosts;
}

function longestFirst(wildcards: ReadonlyMap<number, ReadonlyMap<string, RouteList>>): Wildcards {
  return [...wildcards].sort(([left], [right]) => right - left);
}
