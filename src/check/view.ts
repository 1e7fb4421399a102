import type { CallEdge, MeshGraph, RouteNode, ServiceNode } from './graph';

/** An edge of the call graph whose both ends are in the program. */
export interface Edge {
  readonly caller: ServiceNode;
  readonly callee: ServiceNode;
  readonly call: CallEdge;
}

/** The graph seen from the side of the called: made once for each graph, for all checks. */
export interface View {
  /** Edges out of a service, by its key. */
  readonly outgoing: ReadonlyMap<string, readonly Edge[]>;
  /** Edges into a service, by its key. */
  readonly incoming: ReadonlyMap<string, readonly Edge[]>;
  /** Routes of the traffic to a service, by its key. */
  readonly routes: ReadonlyMap<string, readonly RouteNode[]>;
}

const views = new WeakMap<MeshGraph, View>();

/** The view of a graph. */
export function viewOf(graph: MeshGraph): View {
  let view = views.get(graph);
  if (view === undefined) views.set(graph, view = build(graph));
  return view;
}

function build({ services, routes, byKey }: MeshGraph): View {
  const outgoing = new Map<string, Edge[]>();
  const incoming = new Map<string, Edge[]>();
  const byParent = new Map<string, RouteNode[]>();
  for (const caller of services) {
    for (const call of caller.calls) {
      const callee = call.target === undefined ? undefined : byKey.get(call.target);
      if (callee === undefined) continue;
      const edge: Edge = { caller, callee, call };
      push(outgoing, caller.key, edge);
      push(incoming, callee.key, edge);
    }
  }
  for (const route of routes) if (route.parent !== undefined) push(byParent, route.parent, route);
  return { outgoing, incoming, routes: byParent };
}

function push<T>(map: Map<string, T[]>, key: string, item: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [item]);
  else list.push(item);
}

/** Pods of a service, all versions together. */
export function podsOf(service: ServiceNode): number {
  return service.versions.reduce((sum, { replicas }) => sum + replicas, 0);
}

/** `payment.shop`: how findings call a service. */
export function hostOf({ service, name, namespace }: { service?: string; name?: string; namespace: string }): string {
  return `${service ?? name}.${namespace}`;
}
