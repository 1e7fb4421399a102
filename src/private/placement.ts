import type { PodSpec } from '../contract/pod/types';
import type { Region } from '../region';

const REGION = 'topology.kubernetes.io/region';
const ZONE = 'topology.kubernetes.io/zone';

interface NodeTerm {
  readonly matchExpressions?: readonly object[];
  readonly matchFields?: readonly object[];
}

/** The pod bound to the regions, and spread over their zones. What the pod already demands of its node still holds. */
export function inRegions(pod: PodSpec, regions: readonly Region[], selector: Readonly<Record<string, string>>): PodSpec {
  if (regions.length === 0) return pod;
  const { affinity } = pod;
  const demanded = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms as NodeTerm[] | undefined;
  const terms = regions.map(termOf);
  // Terms are alternatives, and each must hold whole: both demands together are every pair of one and the other.
  const nodeSelectorTerms = demanded === undefined ? terms : demanded.flatMap((one) => terms.map((other) => ({
    ...one, matchExpressions: [...one.matchExpressions ?? [], ...other.matchExpressions],
  })));
  return {
    ...pod,
    affinity: {
      ...affinity,
      nodeAffinity: { ...affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
    },
    topologySpreadConstraints: [
      ...pod.topologySpreadConstraints ?? [],
      ...regions.length > 1 ? [spread(REGION, selector)] : [],
      spread(ZONE, selector),
    ],
  };
}

function termOf({ name, zones }: Region) {
  const expressions = [{ key: REGION, operator: 'In', values: [name] }];
  return { matchExpressions: zones.length === 0 ? expressions : [...expressions, { key: ZONE, operator: 'In', values: [...zones] }] };
}

function spread(topologyKey: string, selector: Readonly<Record<string, string>>) {
  return { maxSkew: 1, topologyKey, whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels: selector } };
}
