import { defineCheck } from './define';
import { failoverOf } from './regions';

/** Failover without outlier detection: endpoints that answer every request with an error count as healthy, and traffic stays with them. */
export const failoverWithoutDetection = defineCheck('MW122', 'warning', 'failover-without-detection', ({ services }, report) => {
  for (const { path, spec } of services) {
    if (spec.outlierDetection !== undefined || failoverOf(spec).length === 0) continue;
    report(
      path,
      `locality fails over to ${failoverOf(spec).join(', ')}, outlierDetection: nothing`,
      'needs outlierDetection to see a region fail that still accepts connections',
      'add OutlierDetection.consecutiveServerErrors(5, …)',
    );
  }
});
