import { defineCheck } from './define';

/** A percentage of the endpoints that is less than one endpoint: only the one that may always be ejected is. */
export const outlierRoundsToZero = defineCheck('MW121', 'warning', 'outlier-rounds-to-zero', ({ services }, report) => {
  for (const { spec: { outlierDetection }, versions } of services) {
    if (outlierDetection === undefined) continue;
    const percent = outlierDetection.maxEjectionPercent;
    for (const { path, name, replicas } of versions) {
      if (replicas < 2 || Math.floor(replicas * percent / 100) > 0) continue;
      report(
        path,
        `maxEjectionPercent: ${percent} of ${replicas} replicas (version ${name}) is less than one`,
        'must be at least one endpoint',
        `write maxEjectionPercent: ${Math.ceil(100 / replicas)} or more`,
      );
    }
  }
});
