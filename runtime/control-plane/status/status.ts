import { TYPES, type Connection, type Snapshot } from '../ads';
import type { ObjectReport, Verdict } from '../resolve';
import { describeId, keyOf, type Unreadable } from '../resources';
import type { ProxyNode } from '../xds';
import type { ObjectName } from './causes';
import type { Progress } from './progress';

/** `metav1.Condition`. */
export interface Condition {
  readonly type: 'Accepted' | 'ResolvedRefs' | 'Programmed';
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

/** A condition before it is known since when it is so. */
export type Draft = Omit<Condition, 'observedGeneration' | 'lastTransitionTime'>;

export interface ObjectStatus {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Where the object was read from. */
  readonly location: string;
  readonly conditions: readonly Condition[];
  /** Of a route: `Accepted` of each parent that is a Service, by its place in `spec.parentRefs`; the other conditions are the route's own. */
  readonly parents?: readonly { readonly index: number; readonly accepted: Draft; readonly mesh?: string }[];
}

export interface ProxyStatus {
  readonly node: string;
  readonly service: string;
  readonly version: string;
  readonly region: string | undefined;
  readonly connectedSince: string;
  /** `current`, `updating`, `refused`, or `unknown-service`: its MeshService is not there. */
  readonly state: 'current' | 'updating' | 'refused' | 'unknown-service';
}

export interface StatusReport {
  /** Nothing is wrong with any object. */
  readonly healthy: boolean;
  readonly objects: readonly ObjectStatus[];
  /** Files and documents of which it is not even known what they are. */
  readonly unreadable: readonly Unreadable[];
  readonly proxies: readonly ProxyStatus[];
}

export interface StatusInput {
  readonly objects: readonly ObjectReport[];
  readonly unreadable: readonly Unreadable[];
  /** How far the proxies are with each object: those of this replica, and of others. */
  readonly reached: ReadonlyMap<ObjectName, Progress>;
  readonly connections: readonly Connection[];
  /** By key of the service: its running pods, and the proxies of them that are connected to any replica; undefined where pods are not known. */
  readonly pods: ReadonlyMap<string, { readonly running: number; readonly connected: number }> | undefined;
  /** The report before this one: a condition whose status is the same keeps its time. */
  readonly previous: StatusReport | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What is shown of everything: as a page, as a file, as conditions on objects. */
export function statusReport({ objects, unreadable, reached, connections, pods, previous, now }: StatusInput): StatusReport {
  const before = new Map((previous?.objects ?? []).map((object) => [`${object.kind} ${object.namespace}/${object.name} ${object.location}`, object]));
  const made = objects.map((object): ObjectStatus => {
    const { id, apiVersion, location, generation } = object;
    const old = before.get(`${describeId(id)} ${location}`);
    const conditions = conditionsOf(object, reached.get(describeId(id)), id.kind === 'MeshService' ? pods?.get(keyOf(id)) : undefined).map((draft): Condition => {
      const same = old?.conditions.find(({ type, status }) => type === draft.type && status === draft.status);
      return { ...draft, observedGeneration: generation, lastTransitionTime: same?.lastTransitionTime ?? new Date(now).toISOString() };
    });
    const parents = [...object.parents ?? []].map(([index, accepted]) => ({
      index, accepted: condition('Accepted', accepted), ...accepted.mesh === undefined ? {} : { mesh: accepted.mesh },
    }));
    return { apiVersion, kind: id.kind, namespace: id.namespace, name: id.name, location, conditions, ...object.parents ? { parents } : {} };
  });
  return {
    healthy: unreadable.length === 0 && made.every(({ conditions }) => conditions.every(({ status }) => status !== 'False')),
    objects: made,
    unreadable,
    proxies: connections.map(proxyStatus).sort((a, b) => (a.node < b.node ? -1 : 1)),
  };
}

function conditionsOf({ id, accepted, resolvedRefs, inForce }: ObjectReport, reached: Progress | undefined, pods: Pods | undefined): Draft[] {
  const conditions = [condition('Accepted', accepted), condition('ResolvedRefs', resolvedRefs)];
  // Only objects of the mesh become configuration that can be traced back to them.
  return ['Mesh', 'MeshService', 'ExternalService', 'HTTPRoute', 'GRPCRoute'].includes(id.kind) ? [...conditions, inForce ? programmed(reached, pods) : NOT_IN_FORCE] : [conditions[0]];
}

const NOT_IN_FORCE: Draft = { type: 'Programmed', status: 'False', reason: 'NotAccepted', message: 'no proxy gets this version of the object' };

function condition(type: Draft['type'], { ok, reason, messages }: Verdict): Draft {
  return { type, status: ok ? 'True' : 'False', reason, message: messages.join('\n') };
}

type Pods = NonNullable<StatusInput['pods']> extends ReadonlyMap<string, infer P> ? P : never;

function programmed(reached: Progress | undefined, pods: Pods | undefined): Draft {
  const type = 'Programmed';
  if (!reached || reached.concerned === 0) return { type, status: 'Unknown', reason: 'NoProxies', message: 'no proxy that it concerns is connected' };
  const absent = pods === undefined ? 0 : pods.running - pods.connected;
  const count = `${reached.programmed} of ${reached.concerned} proxies run it${absent > 0 ? `; of ${absent} of its ${pods!.running} pods no proxy is connected` : ''}`;
  if (reached.refusals.length > 0) return { type, status: 'False', reason: 'Refused', message: [count, ...reached.refusals].join('\n') };
  if (reached.programmed < reached.concerned) return { type, status: 'False', reason: 'Pending', message: count };
  return { type, status: 'True', reason: 'Programmed', message: count };
}

function proxyStatus({ peer, since, node, snapshot, stream }: Connection): ProxyStatus {
  const state = node && snapshot ? stateOf(node, snapshot, stream) : 'unknown-service';
  return { node: peer.id, service: peer.service, version: peer.version, region: node?.region, connectedSince: new Date(since).toISOString(), state };
}

function stateOf(node: ProxyNode, snapshot: Snapshot, stream: Connection['stream']): ProxyStatus['state'] {
  if (TYPES.every((type) => stream.hasAll(type, snapshot))) return 'current';
  const states = TYPES.flatMap((type) => [...snapshot.types[type].values()].map((resource) => stream.stateOf(type, resource)))
    // A client of gRPC asks for what it has channels to.
    .filter((one) => one !== undefined || !node.proxyless);
  return states.includes('refused') ? 'refused' : states.every((one) => one === 'accepted') ? 'current' : 'updating';
}
