import { defineCheck } from './define';
import { boundsOfCall, longest, ms, shownMs } from './traffic';
import { Edge, hostOf, viewOf } from './view';

/**
 * A caller that has given up while its upstream still waits for one of its own: wasted work, and a second attempt beside the first. A caller waits
 * for one try as long as `perTry`, or else `total`; its upstream answers once the longest of its own calls has ended.
 */
export const callerGivesUpFirst = defineCheck('MW115', 'error', 'caller-gives-up-first', (graph, report) => {
  const { outgoing } = viewOf(graph);
  const needs = new Map<string, { readonly edge: Edge; readonly time: number } | undefined>();
  for (const service of graph.services) needs.set(service.key, longestCall(outgoing.get(service.key) ?? []));
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
function longestCall(edges: readonly Edge[]): { readonly edge: Edge; readonly time: number } | undefined {
  let found: { readonly edge: Edge; readonly time: number } | undefined;
  for (const edge of edges) {
    const time = timeOf(edge);
    if (time !== undefined && time > (found?.time ?? 0)) found = { edge, time };
  }
  return found;
}

/** The longest that this caller may wait. Rules of routes are left out: which of them it meets depends on what it asks for. */
function timeOf({ caller, callee, call }: Edge): number | undefined {
  const { timeout, retry } = callee.spec;
  const bounds = boundsOfCall(caller, call.service, call.namespace) ?? { total: ms(timeout?.total), perTry: ms(timeout?.perTry) };
  return longest({ ...bounds, retry });
}
