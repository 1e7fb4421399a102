import { GROUP } from '../../../../src/contract';
import { isRouteKind } from '../../resources';
import { isServiceParent } from '../../resources/schema/route';
import type { Observed } from '../../source/kubernetes';
import type { Condition, Draft, ObjectStatus } from '../status';

/** Who writes into the status of a route, which several may do (GatewayController in Gateway API). */
export const CONTROLLER_NAME = `${GROUP}/control-plane`;

/** Longest message that a condition may have (metav1.Condition). */
const LONGEST = 32_768;

/** What the status of an object is to be. */
export interface Desired {
  readonly status: unknown;
  /** Conditions whose status becomes another, or that are new; empty where only texts, counts and generations change. */
  readonly turned: readonly Condition[];
}

/** Gateway API's RouteParentStatus. */
interface ParentStatus {
  readonly parentRef: unknown;
  readonly controllerName: string;
  readonly conditions?: readonly Condition[];
}

/**
 * @param namespace that of the control plane, which is that of its meshes: what belongs to a mesh of another namespace is another control plane's, whose
 * proxies this one does not know.
 * @returns undefined where the object has that status already.
 */
export function desiredStatus(object: ObjectStatus, observed: Observed, namespace: string, now: string): Desired | undefined {
  if (isRouteKind(object.kind)) return routeStatus(object, observed, namespace, now);
  // Of a mesh that is not there nobody else would say so.
  const own = observed.mesh === undefined || observed.mesh === namespace || object.conditions.some(({ reason }) => reason === 'MeshNotFound');
  return own ? ownStatus(object, observed, now) : undefined;
}

function ownStatus({ conditions }: ObjectStatus, { status }: Observed, now: string): Desired | undefined {
  const before = conditionsIn(status);
  const next = conditions.map((one) => withTime(one, one.observedGeneration, before, now));
  return changed(before, next) ? { status: { conditions: next }, turned: turned(before, next) } : undefined;
}

/** What others have written stays; of the list as a whole there is only one owner at a time, for it is atomic. */
function routeStatus({ conditions, parents }: ObjectStatus, { status, parentRefs }: Observed, namespace: string, now: string): Desired | undefined {
  const all = parentsIn(status);
  const elsewhere = parentRefs.filter((_, index) => (parents?.find((one) => one.index === index)?.mesh ?? namespace) !== namespace);
  const isOwn = ({ controllerName, parentRef }: ParentStatus) => (
    controllerName === CONTROLLER_NAME && !elsewhere.some((ref) => sameRef(ref, parentRef))
  );
  const foreign = all.filter((one) => !isOwn(one));
  const own = all.filter(isOwn);
  const [accepted, ...rest] = conditions;
  const next = parentRefs.flatMap((parentRef, index): Required<ParentStatus>[] => {
    if (!isServiceParent(parentRef) || elsewhere.includes(parentRef)) return [];
    const before = conditionsIn(own.find((one) => sameRef(one.parentRef, parentRef)));
    const verdict: Draft = parents?.find((one) => one.index === index)?.accepted ?? accepted;
    return [{
      parentRef,
      controllerName: CONTROLLER_NAME,
      conditions: [verdict, ...rest].map((one) => withTime(one, accepted.observedGeneration, before, now)),
    }];
  });
  const same = next.length === own.length && next.every((one, index) => (
    sameRef(one.parentRef, own[index].parentRef) && !changed(own[index].conditions ?? [], one.conditions)
  ));
  if (same) return undefined;
  return {
    status: { parents: [...foreign, ...next] },
    turned: next.flatMap((one) => turned(conditionsIn(own.find(({ parentRef }) => sameRef(parentRef, one.parentRef))), one.conditions)),
  };
}

/** A route that left the mesh: what was written into it is taken out again. */
export function withoutOurs({ status }: Observed): unknown {
  const all = parentsIn(status);
  const foreign = all.filter((one) => one.controllerName !== CONTROLLER_NAME);
  return foreign.length === all.length ? undefined : { parents: foreign };
}

function withTime({ type, status, reason, message }: Draft, observedGeneration: number, before: readonly Condition[], now: string): Condition {
  const same = before.find((one) => one.type === type && one.status === status);
  const bounded = message.length <= LONGEST ? message : `${message.slice(0, LONGEST - 1)}…`;
  return { type, status, reason, message: bounded, observedGeneration, lastTransitionTime: same?.lastTransitionTime ?? now };
}

function changed(before: readonly Condition[], next: readonly Condition[]): boolean {
  const said = ({ lastTransitionTime: _, ...rest }: Condition) => JSON.stringify(Object.entries(rest).sort());
  const old = before.map(said);
  return before.length !== next.length || next.some((one) => !old.includes(said(one)));
}

function turned(before: readonly Condition[], next: readonly Condition[]): Condition[] {
  return next.filter((one) => before.find(({ type }) => type === one.type)?.status !== one.status);
}

function conditionsIn(status: unknown): readonly Condition[] {
  return (status as { conditions?: readonly Condition[] } | undefined)?.conditions ?? [];
}

function parentsIn(status: unknown): readonly ParentStatus[] {
  return (status as { parents?: readonly ParentStatus[] } | undefined)?.parents ?? [];
}

/** By what the API server makes of it: it fills in the namespace of nobody, and group and kind of a Gateway. */
function sameRef(a: unknown, b: unknown): boolean {
  const key = (ref: unknown) => {
    const { group, kind, namespace, name, sectionName, port } = ref as Record<string, unknown>;
    return JSON.stringify([group, kind, namespace, name, sectionName, port]);
  };
  return key(a) === key(b);
}
