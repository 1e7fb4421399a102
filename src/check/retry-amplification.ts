import { walk } from './call-walk';
import { defineCheck } from './define';
import type { ServiceNode } from './graph';
import { shownNumber } from './traffic';
import { Edge, hostOf, viewOf } from './view';

/** Tries of the last service of a path that one request at its beginning may cause. Above it an outage feeds itself. */
export const MAX_AMPLIFICATION = 16;

/** How one request may multiply below a service, along the worst path of calls. */
interface Worst {
  readonly factor: number;
  readonly edge: Edge | undefined;
}

const LEAF: Worst = { factor: 1, edge: undefined };

/**
 * The product of the tries of each call along a path. A retry budget bounds what retries add under load, and counts as that. It is told once for
 * each path that grows too much: at the service at which the bound is passed.
 */
export const retryAmplification = defineCheck('MW117', 'error', 'retry-amplification', (graph, report) => {
  const { order, factors } = walk(graph);
  const worst = new Map<string, Worst>();
  const { outgoing } = viewOf(graph);
  for (const { service, cut } of order) {
    let found = LEAF;
    for (const edge of outgoing.get(service.key) ?? []) {
      if (cut.has(edge)) continue;
      const factor = factors.get(edge.callee.key)! * (worst.get(edge.callee.key) ?? LEAF).factor;
      if (factor > found.factor) found = { factor, edge };
    }
    worst.set(service.key, found);
    const below = found.edge === undefined ? LEAF : worst.get(found.edge.callee.key) ?? LEAF;
    if (found.factor <= MAX_AMPLIFICATION || below.factor > MAX_AMPLIFICATION) continue;
    const { names, product } = pathFrom(service, worst, factors);
    report(
      service.path,
      `calls ${names.join(' -> ')}: ${product.map(shownNumber).join(' x ')} = ${shownNumber(found.factor)} tries for one request`,
      `must be at most ${MAX_AMPLIFICATION} along a path`,
      'retry in one place of the path only, the one next to the failure, or bound retries by RetryBudget.of(20, …)',
    );
  }
});

function pathFrom(service: ServiceNode, worst: ReadonlyMap<string, Worst>, factors: ReadonlyMap<string, number>) {
  const names = [hostOf(service)];
  const product: number[] = [];
  for (let edge = worst.get(service.key)!.edge; edge !== undefined; edge = worst.get(edge.callee.key)!.edge) {
    names.push(hostOf(edge.call));
    product.push(factors.get(edge.callee.key)!);
  }
  return { names, product };
}
