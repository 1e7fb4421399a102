import { stringify } from 'yaml';
import type { KubeObject, PodState } from './types';

interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly targetPort?: number | string;
  readonly protocol?: string;
  readonly appProtocol?: string;
}

/** What the endpoint slice controller of a cluster would write for the Services, as files of manifests by name. */
export function endpointSlices(objects: readonly KubeObject[], pods: readonly PodState[]): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const service of objects) {
    const spec = service.kind === 'Service' ? service.spec as { selector?: Record<string, string>; ports?: ServicePort[] } : undefined;
    if (!spec?.selector) continue;
    const namespace = service.metadata.namespace ?? 'default';
    const selected = pods.filter(({ spec: pod }) => pod.service !== undefined && pod.namespace === namespace && selects(spec.selector!, pod.labels));
    const named = selected[0]?.spec.namedPorts ?? {};
    files.set(`${namespace}.${service.metadata.name}.yaml`, stringify({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${service.metadata.name}-local`,
        namespace,
        labels: { 'kubernetes.io/service-name': service.metadata.name, 'endpointslice.kubernetes.io/managed-by': 'meshwright-up' },
      },
      addressType: 'IPv4',
      ports: (spec.ports ?? []).map(({ name, port, targetPort = port, protocol = 'TCP', appProtocol }) => ({
        name: name ?? '', protocol, port: typeof targetPort === 'number' ? targetPort : named[targetPort] ?? port, ...(appProtocol ? { appProtocol } : {}),
      })),
      endpoints: [...selected].sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1)).map(endpoint),
    }));
  }
  return files;
}

function endpoint(pod: PodState): object {
  const terminating = pod.phase !== 'running';
  return {
    addresses: [pod.spec.address],
    conditions: { ready: pod.ready && !terminating, serving: pod.ready, terminating },
    targetRef: { kind: 'Pod', name: pod.spec.name, namespace: pod.spec.namespace },
    nodeName: 'localhost',
    ...(pod.spec.zone === undefined ? {} : { zone: pod.spec.zone }),
  };
}

function selects(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}
