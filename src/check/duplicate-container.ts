import { doubles, podsIn } from './containers';
import { defineCheck } from './define';

/** Two containers of one name, sidecar included: Kubernetes refuses the pod. */
export const duplicateContainer = defineCheck('MW128', 'error', 'duplicate-container', (graph, report) => {
  for (const { path, pod } of podsIn(graph)) {
    for (const name of doubles(pod.containers.map((container) => container.name))) {
      report(path, `container ${name} stands twice`, 'names of containers must be unique in the pod, that of the sidecar included', 'give one of them another name');
    }
  }
});
