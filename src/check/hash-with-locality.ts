import { defineCheck } from './define';

/** Consistent hashing over the endpoints of one region at a time: the same key reaches different pods from different regions. */
export const hashWithLocality = defineCheck('MW134', 'warning', 'hash-with-locality', ({ services }, report) => {
  for (const { path, spec } of services) {
    // By geohash the region follows from the request, so the same request reaches the same pod from everywhere.
    if (spec.loadBalancer.ringHash === undefined || spec.locality?.preferLocal === undefined) continue;
    report(
      path,
      'loadBalancer: ringHash with locality: preferLocal',
      'a key should reach one endpoint, and it reaches one in each region of its callers',
      'take locality out, or route by LocalityPolicy.geohash',
    );
  }
});
