import { defineCheck } from './define';
import { bySpecificity, Candidate, candidatesOf, overlap } from './route-precedence';
import { describe } from './unreachable-rule';
import { viewOf } from './view';

/**
 * Two routes of one service with matches that ask for equally much and can both match a request: the older route wins, and nobody sees in the
 * program which one that is.
 */
export const overlappingRoutes = defineCheck('MW110', 'error', 'overlapping-routes', (graph, report) => {
  for (const routes of viewOf(graph).routes.values()) {
    if (routes.length < 2) continue;
    for (const [, alike] of groupByPath(candidatesOf(routes))) {
      for (const [position, second] of alike.entries()) {
        const first = alike.slice(0, position).find((one) => one.route !== second.route && bySpecificity(one, second) === 0 && overlap(one, second));
        if (first === undefined) continue;
        report(
          second.route.path,
          `rule ${second.rule.name}: ${describe(second)}`,
          `must not overlap rule ${first.rule.name} of ${first.route.path} (${describe(first)}): the older of the two routes would win`,
          'write both rules in one route, where their order decides',
        );
      }
    }
  }
});

function groupByPath(candidates: readonly Candidate[]): Map<string, Candidate[]> {
  const groups = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    const key = `${candidate.match.path!.type} ${candidate.match.path!.value}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [candidate]);
    else group.push(candidate);
  }
  return groups;
}
