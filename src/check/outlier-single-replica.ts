import { defineCheck } from './define';

/** Ejection of the only endpoint there is: all requests fail, or none of them is spared. */
export const outlierSingleReplica = defineCheck('MW120', 'warning', 'outlier-single-replica', ({ services }, report) => {
  for (const { spec, versions } of services) {
    if (spec.outlierDetection === undefined) continue;
    for (const { path, name, replicas } of versions) {
      if (replicas !== 1) continue;
      report(
        path,
        `outlierDetection with replicas: 1 (version ${name})`,
        'needs a second endpoint to send the traffic to',
        'write replicas: 2 or more, or spare the service by circuitBreaker instead',
      );
    }
  }
});
