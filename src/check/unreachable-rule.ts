import { defineCheck } from './define';
import { bySpecificity, Candidate, candidatesOf, covers } from './route-precedence';
import { viewOf } from './view';

/**
 * A rule, or one match of it, for which no request is ever left, because another one that is tried before it takes them all. Which is tried first
 * follows from how much they ask for (Gateway API), and from their order where that is equal, so `/` before `/api` is none.
 */
export const unreachableRule = defineCheck('MW109', 'error', 'unreachable-rule', (graph, report) => {
  for (const routes of viewOf(graph).routes.values()) {
    const candidates = candidatesOf(routes);
    const dead = new Map<Candidate['rule'], { candidate: Candidate; by: Candidate }[]>();
    for (const candidate of candidates) {
      const by = candidates.find((other) => other !== candidate && before(other, candidate) && covers(other, candidate));
      if (by === undefined) continue;
      const list = dead.get(candidate.rule) ?? [];
      list.push({ candidate, by });
      dead.set(candidate.rule, list);
    }
    for (const [rule, list] of dead) {
      const whole = list.length === rule.matches.length;
      const [{ candidate, by }] = list;
      const what = whole ? `rule ${rule.name}` : `rule ${rule.name}: matches ${list.map((one) => `[${one.candidate.index}]`).join(', ')}`;
      const takes = by.route === candidate.route ? `rule ${by.rule.name}` : `rule ${by.rule.name} of ${by.route.path}`;
      const fix = by.rule === rule ? 'take it out' : 'take one of them out, or have it match less';
      report(candidate.route.path, `${what}: ${describe(candidate)}`, `must be reachable: ${takes} takes all of its requests`, fix);
    }
  }
});

/** Whether `a` is tried before `b` for certain. Between two routes that ask for equally much it depends on their age: an overlap, not this. */
function before(a: Candidate, b: Candidate): boolean {
  const order = bySpecificity(a, b);
  return order < 0 || (order === 0 && a.route === b.route && a.order < b.order);
}

/** A match in short. */
export function describe({ match: { path, method, headers, queryParams } }: Candidate): string {
  const parts = [
    ...method === undefined ? [] : [method],
    `${path!.type === 'PathPrefix' ? 'prefix ' : path!.type === 'RegularExpression' ? 'regex ' : ''}${path!.value}`,
    ...headers.map(({ name, type, value }) => `header ${name} ${type === 'Exact' ? '=' : '~'} ${value}`),
    ...queryParams.map(({ name, type, value }) => `query ${name} ${type === 'Exact' ? '=' : '~'} ${value}`),
  ];
  return parts.join(', ');
}
