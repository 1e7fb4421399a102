import { defineCheck } from './define';

/** A zone, or a geohash prefix, that two regions claim: which of them an endpoint or a request belongs to is left to the order of a list. */
export const ambiguousRegion = defineCheck('MW136', 'error', 'ambiguous-region', ({ meshes }, report) => {
  for (const { path, spec } of meshes) {
    const look = (what: string, of: (region: (typeof spec.regions)[number]) => readonly string[]): void => {
      const owners = new Map<string, string[]>();
      for (const region of spec.regions) for (const item of of(region)) owners.set(item, [...owners.get(item) ?? [], region.name]);
      for (const [item, names] of owners) {
        if (names.length > 1) report(path, `${what} ${item} in regions ${names.join(', ')}`, 'must be in one region', 'take it out of all regions but one');
      }
    };
    look('zone', ({ zones }) => zones);
    look('geohash', ({ geohashes }) => geohashes);
  }
});
