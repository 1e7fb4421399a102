import { quantity } from '../contract/quantity';
import { podsIn } from './containers';
import { defineCheck } from './define';

/** A container that requests more than it may use: the API server refuses the pod. */
export const requestAboveLimit = defineCheck('MW140', 'error', 'request-above-limit', (graph, report) => {
  for (const { path, pod } of podsIn(graph)) {
    for (const { name, resources: { requests = {}, limits = {} } = {} } of pod.containers) {
      for (const [resource, requested] of Object.entries(requests)) {
        const limit = limits[resource];
        if (limit === undefined || !(quantity(requested) > quantity(limit))) continue;
        report(path, `container ${name}: requests.${resource} ${requested}`, `must not be above limits.${resource}, ${limit}`, `request at most ${limit}, or raise the limit`);
      }
    }
  }
});
