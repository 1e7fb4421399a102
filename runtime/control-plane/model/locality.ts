import type { LocalityPolicy } from './policies';
import type { Backend, Locality } from './types';

/** A locality, and when it serves: 0 first. */
export interface RankedLocality extends Locality {
  readonly priority: number;
}

/**
 * Orders the localities of a backend for traffic that belongs to `first`: that region, then the regions of `failover` in their order, then
 * endpoints of which the region is not known (better than none at all). Regions that nobody named never serve. Without a policy, or where
 * `first` is not known, every endpoint is alike. Priorities have no gaps: a region without endpoints takes none.
 */
export function rankLocalities(localities: readonly Locality[], policy: LocalityPolicy | undefined, first: string | undefined): RankedLocality[] {
  if (!policy || first === undefined) return localities.map((locality) => ({ ...locality, priority: 0 }));
  const order = [first, ...policy.failover.filter((region) => region !== first), ''];
  const ranked: RankedLocality[] = [];
  let priority = 0;
  for (const region of order) {
    const members = localities.filter((locality) => locality.region === region && locality.endpoints.length > 0);
    if (members.length === 0) continue;
    ranked.push(...members.map((locality) => ({ ...locality, priority })));
    priority += 1;
  }
  return ranked;
}

/** A geohash prefix and the region that serves it. */
export interface GeohashPrefix {
  readonly prefix: string;
  readonly region: string;
}

/** The prefixes of all regions in the order in which they are tried: longest first, then alphabetical. Of two regions with one prefix the first named has it. */
export function geohashPrefixes(backend: Backend): GeohashPrefix[] {
  const found = new Map<string, string>();
  for (const region of backend.regions) {
    for (const prefix of region.geohashes) if (!found.has(prefix)) found.set(prefix, region.name);
  }
  return [...found].map(([prefix, region]) => ({ prefix, region }))
    .sort((a, b) => b.prefix.length - a.prefix.length || (a.prefix < b.prefix ? -1 : 1));
}
