import { byPrecedence, type Candidate, type Rule } from '../model';
import { describeId, keyOf, type ResourceSet } from '../resources';
import { attachmentsOf, isGrpc, type Attachment, type Route } from './attachments';
import type { BackendDraft, Backends } from './backends';
import { grpcCandidates } from './grpc-rules';
import { httpCandidates } from './http-rules';
import type { Report } from './report';
import { reportUnknownRules, rulePolicies } from './rule-policies';

/** Rules of all routes that are attached to a backend, most specific first. */
export interface BackendRules {
  /** Of routes of its own namespace: everybody's. Undefined: it has no such route. */
  readonly producer: readonly Rule[] | undefined;
  /** Of routes of another namespace, by that namespace: only for callers of it. */
  readonly consumers: ReadonlyMap<string, readonly Rule[]> | undefined;
}

/** Rules of all routes by the key of the backend that they are attached to. */
export function rulesByBackend(set: ResourceSet, backends: Backends, report: Report): Map<string, BackendRules> {
  const found = new Map<string, { producer: Candidate[] | undefined; consumers: Map<string, Candidate[]> }>();
  const routes: Route[] = [...set.resources.HTTPRoute.values(), ...set.resources.GRPCRoute.values()];
  const wanted = routes.flatMap((route) => attachmentsOf(route, set, backends, report));
  for (const { route, parent } of oneKindEach(wanted, report)) {
    const own = isProducer(route, parent);
    const policies = own ? rulePolicies(set, parent, route) : new Map();
    const context = { set, backends, report };
    const rules = isGrpc(route) ? grpcCandidates(route, parent, policies, context) : httpCandidates(route, parent, policies, context);
    const of = found.get(parent.key) ?? { producer: undefined, consumers: new Map<string, Candidate[]>() };
    found.set(parent.key, of);
    if (own) of.producer = [...of.producer ?? [], ...rules];
    else of.consumers.set(route.id.namespace, [...of.consumers.get(route.id.namespace) ?? [], ...rules]);
  }
  const producers = new Map([...found].flatMap(([key, { producer }]) => (producer ? [[key, producer] as const] : [])));
  reportUnknownRules(set, producers, backends, report);
  return new Map([...found].map(([key, { producer, consumers }]) => [key, {
    producer: producer && byPrecedence(producer),
    consumers: consumers.size === 0 ? undefined : new Map([...consumers].map(([namespace, rules]) => [namespace, byPrecedence(rules)])),
  }]));
}

function isProducer({ id }: Route, parent: BackendDraft): boolean {
  return id.namespace === parent.namespace;
}

/**
 * Routes of one kind for each backend and side: HTTPRoute and GRPCRoute must not share a host and port. The kind of the oldest route stays (Gateway
 * API's order of conflicts), routes of the other kind are refused.
 */
function oneKindEach(wanted: readonly Attachment[], report: Report): Attachment[] {
  const sideOf = ({ route, parent }: Attachment) => `${isProducer(route, parent) ? '' : route.id.namespace} ${parent.key}`;
  const oldest = new Map<string, Attachment>();
  for (const one of [...wanted].sort(byAge)) if (!oldest.has(sideOf(one))) oldest.set(sideOf(one), one);
  const accepted: Attachment[] = [];
  const attached = new Set<string>();
  const refused = new Map<string, () => void>();
  const told = new Set<string>();
  for (const one of wanted) {
    const { route: { id }, index, parent } = one;
    const first = oldest.get(sideOf(one))!.route;
    // One reference may mean several ports of a Service: it is attached where it is to any of them.
    const reference = `${describeId(id)} ${index}`;
    if (first.id.kind !== id.kind) {
      refused.set(reference, () => report.refuseParent(id, index, 'RouteConflict',
        `spec.parentRefs[${index}] is Service ${parent.name}: ${describeId(first.id)} has it already, and one service takes no HTTPRoute beside a GRPCRoute; remove one of the two`));
      continue;
    }
    report.attached(id, index, parent.mesh?.metadata.namespace);
    told.add(reference);
    // Two references to one backend are one.
    const key = `${describeId(id)} ${parent.key}`;
    if (!attached.has(key)) accepted.push(one);
    attached.add(key);
  }
  for (const [reference, refuse] of refused) if (!told.has(reference)) refuse();
  return accepted;
}

function byAge({ route: a }: Attachment, { route: b }: Attachment): number {
  const [left, right] = [a, b].map(({ id, value }) => `${value.metadata.creationTimestamp ?? ''} ${keyOf(id)} ${id.kind}`);
  return left < right ? -1 : Number(left > right);
}
