import type { Finding } from '../check/finding';
import type { MeshServiceSpec } from '../contract/mesh-service';
import type { OutboundSpec } from '../contract/traffic';
import type { MeshService } from '../mesh-service';
import type { OutboundPolicy } from '../outbound-policy';
import type { IServicePolicy } from '../service-policy';
import type { TrafficPolicy } from '../traffic-policy';
import { Code, error, shown } from './finding';
import { given, specOf } from './given';

/** A policy and who says it: `policy "gold"`, or `its own properties`. */
export interface TrafficSource {
  readonly name: string;
  readonly policy: TrafficPolicy;
}

const FIELDS = [
  'timeout', 'retry', 'circuitBreaker', 'outlierDetection', 'bulkhead', 'rateLimits', 'loadBalancer', 'locality', 'compression', 'digest',
  'sizeLimits', 'authentication', 'healthCheck', 'faults',
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

/**
 * Asks a policy what it sets on a service, and finds what it sets that is no field: policies come from packages, and from languages without types.
 *
 * @throws what the policy throws, with the service and the policy named
 */
export function asked(policy: IServicePolicy, service: MeshService): { readonly source: TrafficSource; readonly findings: Finding[] } {
  const { path } = service.node;
  const isPolicy = typeof policy?.policyName === 'function' && typeof policy.policyFor === 'function';
  given(path, 'policies', policy, isPolicy, 'must be an IServicePolicy', 'write ServicePolicy.of(\'gold\', { … })');
  const name = `policy ${shown(policy.policyName())}`;
  const answer = answerOf(policy, service, `${path}: ${name}`) as Readonly<Record<string, unknown>> | null | undefined;
  const bad = (value: string, rule: string, fix: string) => error(Code.VALUE, path, `${name}: ${value}`, rule, fix);
  if (typeof answer !== 'object' || answer === null) {
    return { source: { name, policy: {} }, findings: [bad(`policyFor: ${shown(answer)}`, 'must return a TrafficPolicy', 'return {} where it sets nothing')] };
  }
  const unknown = Object.keys(answer).filter((field) => !FIELDS.some((known) => known === field));
  const findings = unknown.map((field) => bad(field, `must be one of ${FIELDS.join(', ')}`, 'correct the name, or take it out'));
  return { source: { name, policy: trafficOf(answer) }, findings };
}

function answerOf(policy: IServicePolicy, service: MeshService, where: string): unknown {
  try {
    return policy.policyFor(service);
  } catch (cause) {
    throw new Error(`${where}: policyFor: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

type TrafficSpec = Pick<MeshServiceSpec, typeof FIELDS[number]>;

/** A connection that carries bytes is closed when nothing went over it for so long, where nobody says otherwise: Envoy's own time. */
const BYTES_IDLE = '1h';

/** What the proxies of callers do, as the contract writes it. */
export function outboundSpec(policy: OutboundPolicy, protocol: string): OutboundSpec {
  const { timeout, retry, circuitBreaker, outlierDetection, bulkhead, loadBalancer, healthCheck } = trafficSpec(trafficOf(policy), protocol);
  return { timeout, retry, circuitBreaker, outlierDetection, bulkhead, loadBalancer, healthCheck };
}

/** The policy as the contract writes it. What holds where nobody says so stands there too: what picks endpoints, and when idle bytes end. */
export function trafficSpec(policy: TrafficPolicy, protocol: string): TrafficSpec {
  const timeout = specOf(policy.timeout);
  return {
    timeout: protocol === 'tcp' && typeof timeout !== 'number' ? { ...timeout, idle: timeout?.idle ?? BYTES_IDLE } : timeout,
    retry: specOf(policy.retry),
    circuitBreaker: specOf(policy.circuitBreaker),
    outlierDetection: specOf(policy.outlierDetection),
    bulkhead: specOf(policy.bulkhead),
    rateLimits: Array.isArray(policy.rateLimits) ? policy.rateLimits.map((limit) => specOf(limit)!) : policy.rateLimits,
    loadBalancer: specOf(policy.loadBalancer) ?? { leastRequest: { choices: 2 } },
    locality: specOf(policy.locality),
    compression: specOf(policy.compression),
    digest: specOf(policy.digest),
    sizeLimits: specOf(policy.sizeLimits),
    authentication: specOf(policy.authentication),
    healthCheck: specOf(policy.healthCheck),
    faults: Array.isArray(policy.faults) ? policy.faults.map((fault) => specOf(fault)!) : policy.faults,
  };
}
