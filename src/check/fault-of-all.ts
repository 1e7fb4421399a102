import { defineCheck } from './define';

/** A fault that no request escapes: what is tried out is an outage, and somebody may forget it. */
export const faultOfAll = defineCheck('MW155', 'warning', 'fault-of-all', ({ services }, report) => {
  for (const { path, spec: { faults = [] } } of services) {
    faults.forEach(({ abort, delay, percent }, index) => {
      if (percent !== 100) return;
      const what = abort === undefined ? `every request waits ${delay?.duration}` : `every request is answered ${abort.statusCode}`;
      report(path, `faults[${index}]: percent: 100: ${what}`, 'no caller sees the service as it is', 'write a percent below 100, or acknowledge while the trial lasts');
    });
  }
});
