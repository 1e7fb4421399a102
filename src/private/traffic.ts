import type { Finding } from '../check/finding';
import type { MeshServiceSpec } from '../contract/mesh-service';
import type { TrafficPolicy } from '../traffic-policy';
import { Code, error } from './finding';

/** A policy and who says it: `policy "gold"`, or `its own properties`. */
export interface TrafficSource {
  readonly name: string;
  readonly policy: TrafficPolicy;
}

const FIELDS = [
  'timeout', 'retry', 'circuitBreaker', 'outlierDetection', 'bulkhead', 'rateLimits', 'loadBalancer', 'locality',
] as const satisfies readonly (keyof TrafficPolicy)[];

/** The traffic policy alone, taken from properties that hold more. */
export function trafficOf(props: TrafficPolicy): TrafficPolicy {
  return Object.fromEntries(FIELDS.map((field) => [field, props[field]]));
}

/** One policy of several: each field from the one source that sets it. What a second one says is an error, not an override. */
export function composed(path: string, sources: readonly TrafficSource[]): { readonly policy: TrafficPolicy; readonly findings: Finding[] } {
  const policy: Record<string, unknown> = {};
  const setBy: Record<string, string> = {};
  const findings: Finding[] = [];
  for (const source of sources) {
    for (const field of FIELDS) {
      const value = source.policy[field];
      if (value === undefined || value === null) continue;
      if (setBy[field] === undefined) {
        policy[field] = value;
        setBy[field] = source.name;
      } else {
        const both = `${field}: set by ${setBy[field]} and by ${source.name}`;
        findings.push(error(Code.POLICY_CONFLICT, path, both, 'a field has one source, nothing is merged or overridden', `take ${field} out of one of the two`));
      }
    }
  }
  return { policy, findings };
}

type TrafficSpec = Pick<MeshServiceSpec, typeof FIELDS[number]>;

/** The policy as the contract writes it. What picks endpoints where nobody says so stands there too. */
export function trafficSpec(policy: TrafficPolicy): TrafficSpec {
  return {
    timeout: policy.timeout?._toSpec(),
    retry: policy.retry?._toSpec(),
    circuitBreaker: policy.circuitBreaker?._toSpec(),
    outlierDetection: policy.outlierDetection?._toSpec(),
    bulkhead: policy.bulkhead?._toSpec(),
    rateLimits: policy.rateLimits?.map((limit) => limit._toSpec()),
    loadBalancer: policy.loadBalancer?._toSpec() ?? { leastRequest: { choices: 2 } },
    locality: policy.locality?._toSpec(),
  };
}
