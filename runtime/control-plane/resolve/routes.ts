import { byPrecedence, type Candidate, type Rule } from '../model';
import { describeId, keyOf, type ParentRef, type Resource, type ResourceSet } from '../resources';
import type { BackendDraft, Backends } from './backends';
import { grpcCandidates } from './grpc-rules';
import { httpCandidates } from './http-rules';
import type { Report } from './report';
import { reportUnknownRules, rulePolicies } from './rule-policies';

type Route = Resource<'HTTPRoute'> | Resource<'GRPCRoute'>;

/** A route, and one of the backends that it would direct. */
interface Attachment {
  readonly route: Route;
  /** Place in `spec.parentRefs`. */
  readonly index: number;
  readonly parent: BackendDraft;
}

/** Rules of all routes by the key of the backend that they are attached to, most specific first. */
export function rulesByBackend(set: ResourceSet, backends: Backends, report: Report): Map<string, Rule[]> {
  const candidates = new Map<string, Candidate[]>();
  const routes: Route[] = [...set.resources.HTTPRoute.values(), ...set.resources.GRPCRoute.values()];
  const wanted = routes.flatMap((route) => attachmentsOf(route, backends, report));
  for (const { route, parent } of oneKindEach(wanted, report)) {
    const policies = rulePolicies(set, parent, route);
    const context = { set, backends, report };
    const rules = isGrpc(route) ? grpcCandidates(route, parent, policies, context) : httpCandidates(route, parent, policies, context);
    candidates.set(parent.key, [...candidates.get(parent.key) ?? [], ...rules]);
  }
  reportUnknownRules(set, candidates, backends, report);
  return new Map([...candidates].map(([key, found]) => [key, byPrecedence(found)]));
}

function isGrpc(route: Route): route is Resource<'GRPCRoute'> {
  return route.id.kind === 'GRPCRoute';
}

/**
 * Routes of one kind for each backend: HTTPRoute and GRPCRoute must not share a host and port. The kind of the oldest route stays (Gateway API's order
 * of conflicts), routes of the other kind are refused.
 */
function oneKindEach(wanted: readonly Attachment[], report: Report): Attachment[] {
  const oldest = new Map<string, Attachment>();
  for (const one of [...wanted].sort(byAge)) if (!oldest.has(one.parent.key)) oldest.set(one.parent.key, one);
  const accepted: Attachment[] = [];
  const attached = new Set<string>();
  for (const one of wanted) {
    const { route: { id }, index, parent } = one;
    const first = oldest.get(parent.key)!.route;
    if (first.id.kind !== id.kind) {
      report.refuseParent(id, index, 'RouteConflict',
        `spec.parentRefs[${index}] is Service ${parent.name}: ${describeId(first.id)} has it already, and one service takes no HTTPRoute beside a GRPCRoute; remove one of the two`);
      continue;
    }
    report.attached(id, index, parent.mesh?.metadata.namespace);
    // Two references to one backend are one.
    const key = `${describeId(id)} ${parent.key}`;
    if (!attached.has(key)) accepted.push(one);
    attached.add(key);
  }
  return accepted;
}

function byAge({ route: a }: Attachment, { route: b }: Attachment): number {
  const [left, right] = [a, b].map(({ id, value }) => `${value.metadata.creationTimestamp ?? ''} ${keyOf(id)} ${id.kind}`);
  return left < right ? -1 : Number(left > right);
}

/** The backends whose traffic the route is to direct. */
function attachmentsOf(route: Route, backends: Backends, report: Report): Attachment[] {
  const { id, value } = route;
  return value.spec.parentRefs.flatMap((ref, index): Attachment[] => {
    const refuse = (reason: string, rule: string) => {
      report.refuseParent(id, index, reason, `spec.parentRefs[${index}] is ${ref.kind} ${ref.name}: ${rule}`);
      return [];
    };
    if (!isService(ref)) return [];
    const namespace = ref.namespace ?? id.namespace;
    if (namespace !== id.namespace) {
      return refuse('UnsupportedValue', `a route in another namespace than its Service is not supported; move the route to namespace ${namespace}`);
    }
    if (ref.sectionName !== undefined) return refuse('UnsupportedValue', 'sectionName is not supported; use port, or leave both out');
    const backend = backends.ofService(namespace, ref.name);
    if (!backend) return refuse('NoMatchingParent', `no MeshService has Service ${namespace}/${ref.name}; create MeshService ${ref.name}, or correct the name`);
    if (backend.protocol === 'tcp') return refuse('UnsupportedProtocol', 'it carries bytes (protocol tcp): there are no requests to route; remove the route');
    if (ref.port !== undefined && ref.port !== backend.port) {
      return refuse('NoMatchingParent', `port is ${ref.port}: the service serves port ${backend.port}; write that, or leave it out`);
    }
    if (isGrpc(route) && backend.protocol === 'http') {
      return refuse('UnsupportedProtocol', 'it speaks HTTP/1.1 (protocol http), and gRPC needs HTTP/2; declare protocol grpc, or write an HTTPRoute');
    }
    return [{ route, index, parent: backend }];
  });
}

function isService({ group, kind }: ParentRef): boolean {
  return kind === 'Service' && (group === '' || group === 'core');
}
