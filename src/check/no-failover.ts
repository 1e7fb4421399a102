import { defineCheck } from './define';
import { failoverOf } from './regions';

/** Several regions, own region first, and nowhere to go when it fails: an outage of one region is an outage for all of its callers. */
export const noFailover = defineCheck('MW125', 'warning', 'no-failover', ({ services }, report) => {
  for (const { path, spec } of services) {
    if (spec.locality === undefined || failoverOf(spec).length > 0 || (spec.regions?.length ?? 0) < 2) continue;
    report(
      path,
      `locality without failover, regions: ${spec.regions!.join(', ')}`,
      'a service in several regions should say where traffic goes when one of them fails',
      `write failover: [${spec.regions!.join(', ')}]`,
    );
  }
});
