import { podsIn } from './containers';
import { defineCheck } from './define';

/** What the kubelet asks of a pod whose connections are redirected, without a certificate: it is refused, and the pod restarts or never becomes ready. */
export const unansweredProbe = defineCheck('MW159', 'error', 'unanswered-probe', (graph, report) => {
  for (const { path, pod } of podsIn(graph)) {
    for (const what of pod.interception?.unanswered ?? []) {
      const fix = /Probe/.test(what) ? 'have a workload with that probe join by MeshService.fromWorkload, which passes it on' : 'write exec';
      report(path, what, 'must come through without a certificate: the kubelet has none', `${fix}, or exclude its port by excludeInboundPorts`);
    }
  }
});
