import type { MeshGraph, ServiceNode } from './graph';
import { shownNumber } from './traffic';

/** A version with its part of the stated traffic, from one route. */
export interface Share {
  readonly path: string;
  readonly rule: string;
  readonly service: ServiceNode;
  readonly version: ServiceNode['versions'][number];
  /** Part of the requests of the rule. */
  readonly part: number;
}

/** Versions that get a part of their service's traffic, by rules that every request may match. */
export function* sharesOf(graph: MeshGraph): Generator<Share> {
  for (const { path, parent, rules } of graph.routes) {
    const service = graph.byKey.get(parent ?? '');
    if (service === undefined) continue;
    for (const { name, matches, backends } of rules) {
      const everything = matches.some((match) => match.method === undefined && match.headers.length === 0 && match.queryParams.length === 0
        && (match.path === undefined || (match.path.type === 'PathPrefix' && match.path.value === '/')));
      const sum = backends.reduce((total, { weight }) => total + weight, 0);
      if (!everything || sum === 0) continue;
      for (const backend of backends) {
        const version = backend.target === service.key ? service.versions.find((one) => one.name === backend.version) : undefined;
        if (version === undefined || backend.weight === 0) continue;
        yield { path, rule: name, service, version, part: backend.weight / sum };
      }
    }
  }
}

/** The part as findings show it. */
export function percentOf({ part }: Share): string {
  return `${shownNumber(100 * part)}%`;
}
