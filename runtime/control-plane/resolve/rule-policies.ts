import type { MeshServiceResource } from '../../../src/contract';
import type { Candidate } from '../model';
import { keyOf, type Resource, type ResourceSet, type RouteKind } from '../resources';
import type { BackendDraft, Backends } from './backends';
import type { Report } from './report';

/** What a MeshService says of a rule of a route that Gateway API cannot. */
export type RulePolicy = NonNullable<MeshServiceResource['spec']['rules']>[number];
/** By the name of the rule. */
export type RulePolicies = ReadonlyMap<string, RulePolicy>;

/** What the MeshService of the parent says of this route's rules, by rule name. */
export function rulePolicies(set: ResourceSet, parent: BackendDraft, route: Resource<RouteKind>): RulePolicies {
  const rules = set.resources.MeshService.get(parent.service ?? '')?.value.spec.rules ?? [];
  const prefix = `${route.id.name}/`;
  return new Map(rules.filter(({ rule }) => rule.startsWith(prefix)).map((policy) => [policy.rule.slice(prefix.length), policy]));
}

/** Rules that no route has. */
export function reportUnknownRules(
  set: ResourceSet, candidates: ReadonlyMap<string, readonly Candidate[]>, backends: Backends, report: Report,
): void {
  for (const { id, value } of set.resources.MeshService.values()) {
    if (!value.spec.rules) continue;
    const own = backends.all().filter(({ service }) => service === keyOf(id)).flatMap(({ key }) => candidates.get(key) ?? []);
    const names = new Set(own.map(({ rule }) => rule.name));
    value.spec.rules.forEach(({ rule }, index) => {
      if (names.has(rule)) return;
      report.unresolved(id, 'RuleNotFound', `spec.rules[${index}].rule is "${rule}": no route of this service has that rule; there is ${[...names].sort().join(', ') || 'none'}`);
    });
  }
}
