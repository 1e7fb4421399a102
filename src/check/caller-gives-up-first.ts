import { defineCheck } from './define';
import type { MeshGraph } from './graph';
import { boundsOfCall, longest, ms, shownMs, waysTo } from './traffic';
import { Edge, hostOf, viewOf } from './view';

/**
 * A caller that has given up while its upstream still waits for one of its own: wasted work, and a second attempt beside the first. A caller waits
 * for one try as long as `perTry`, or else `total`; its upstream answers once the longest of its own calls has ended.
 */
export const callerGivesUpFirst = defineCheck('MW115', 'error', 'caller-gives-up-first', (graph, report) => {
  const { outgoing } = viewOf(graph);
  const needs = new Map<string, { readonly edge: Edge; readonly time: number } | undefined>();
  for (const service of graph.services) needs.set(service.key, longestCall(graph, outgoing.get(service.key) ?? []));
  for (const edges of outgoing.values()) {
    for (const edge of edges) {
      const need = needs.get(edge.callee.key);
      const patience = patienceOf(edge);
      if (need === undefined || patience === undefined || patience.time >= need.time) continue;
      const next = hostOf(need.edge.call);
      report(
        edge.caller.path,
        `calls(${hostOf(edge.call)}) waits ${shownMs(patience.time)} (${patience.of})`,
        `must not give up before ${edge.callee.path}, which waits up to ${shownMs(need.time)} for ${next}`,
        `wait at least ${shownMs(need.time)} here, or bound the calls of ${edge.callee.path} to ${next} below ${shownMs(patience.time)}`,
      );
    }
  }
});

/** How long the caller waits for one try of this call, where something bounds it. */
function patienceOf({ caller, callee, call }: Edge): { readonly time: number; readonly of: string } | undefined {
  const own = boundsOfCall(caller, call.service, call.namespace);
  const { total, perTry } = own ?? { total: ms(callee.spec.timeout?.total), perTry: ms(callee.spec.timeout?.perTry) };
  const whose = own === undefined ? `of ${callee.path}` : 'of the call';
  if (perTry !== undefined && (total === undefined || perTry <= total)) return { time: perTry, of: `perTry ${whose}` };
  return total === undefined ? undefined : { time: total, of: `total ${whose}` };
}

/** The outgoing call that may take longest, of those that are bounded. */
function longestCall(graph: MeshGraph, edges: readonly Edge[]): { readonly edge: Edge; readonly time: number } | undefined {
  let found: { readonly edge: Edge; readonly time: number } | undefined;
  for (const edge of edges) {
    const time = timeOf(graph, edge);
    if (time !== undefined && time > (found?.time ?? 0)) found = { edge, time };
  }
  return found;
}

/** The longest that this caller may wait: for it the callers' own timeouts, and for the others those of the service and of its rules. */
function timeOf(graph: MeshGraph, { caller, callee, call }: Edge): number | undefined {
  const own = boundsOfCall(caller, call.service, call.namespace);
  if (own !== undefined) return longest({ ...own, retry: callee.spec.retry });
  const times = waysTo(graph, callee).filter(({ label }) => !label.startsWith('calls(')).map(longest);
  return times.some((time) => time === undefined) ? undefined : Math.max(...times as number[]);
}
