import { podsIn } from './containers';
import { defineCheck } from './define';

/** A pod on the network of its node: its sidecar would listen, and be reached, in the name of everything there. */
export const hostNetwork = defineCheck('MW163', 'error', 'host-network', (graph, report) => {
  for (const { path, name, pod } of podsIn(graph)) {
    if (pod.hostNetwork) report(path, `hostNetwork: true (version ${name})`, 'must not be: a sidecar needs a network of its own', 'take hostNetwork out');
  }
});
