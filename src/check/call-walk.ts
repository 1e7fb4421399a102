import type { MeshGraph, ServiceNode } from './graph';
import { tries, waysTo } from './traffic';
import { Edge, viewOf } from './view';

/** The call graph in an order in which each service comes after all that it calls. */
export interface Walk {
  /** Services after all that they call, with the edges that close a cycle. */
  readonly order: readonly { readonly service: ServiceNode; readonly cut: ReadonlySet<Edge> }[];
  /** One cycle for each edge that closes one. */
  readonly cycles: readonly (readonly Edge[])[];
  /** Tries that one call to a service may make, by its key. */
  readonly factors: ReadonlyMap<string, number>;
}

const walks = new WeakMap<MeshGraph, Walk>();

/** Depth first and without recursion: a chain of calls may be longer than the stack is deep. Each service and each edge is looked at once. */
export function walk(graph: MeshGraph): Walk {
  const known = walks.get(graph);
  if (known !== undefined) return known;
  const { outgoing } = viewOf(graph);
  const order: { service: ServiceNode; cut: Set<Edge> }[] = [];
  const cycles: Edge[][] = [];
  const state = new Map<string, 'open' | 'done'>();
  for (const root of graph.services) {
    if (state.has(root.key)) continue;
    const stack = [{ service: root, next: 0, cut: new Set<Edge>(), by: undefined as Edge | undefined }];
    state.set(root.key, 'open');
    while (stack.length > 0) {
      const frame = stack[stack.length - 1]!;
      const edge = outgoing.get(frame.service.key)?.[frame.next];
      if (edge === undefined) {
        state.set(frame.service.key, 'done');
        order.push(frame);
        stack.pop();
        continue;
      }
      frame.next += 1;
      const seen = state.get(edge.callee.key);
      if (seen === 'open') {
        frame.cut.add(edge);
        const from = stack.findIndex(({ service }) => service.key === edge.callee.key);
        cycles.push([...stack.slice(from + 1).map(({ by }) => by!), edge]);
      } else if (seen === undefined) {
        state.set(edge.callee.key, 'open');
        stack.push({ service: edge.callee, next: 0, cut: new Set(), by: edge });
      }
    }
  }
  const made: Walk = { order, cycles, factors: new Map(graph.services.map((service) => [service.key, factorOf(graph, service)])) };
  walks.set(graph, made);
  return made;
}

/** Tries of one call, the most over all rules; under a budget the part that it allows on top. */
function factorOf(graph: MeshGraph, service: ServiceNode): number {
  return Math.max(...waysTo(graph, service).map(({ retry }) => (
    retry?.budget === undefined ? tries(retry) : Math.min(tries(retry), 1 + retry.budget.percent / 100)
  )));
}
