/** What RBAC asks of a request, and whether rules permit it. */

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** Rules of a Role count in its namespace only. */
export interface Grant {
  readonly namespace?: string;
  readonly rules: readonly Rule[];
}

export interface Attributes {
  readonly group: string;
  /** `httproutes/status`. */
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly verb: string;
}

/** As Kubernetes does: `apiGroups`, `resources` and `verbs` by text or `*`; a rule with names permits only requests that name one of them. */
export function permits(grants: readonly Grant[], { group, resource, namespace, name, verb }: Attributes): boolean {
  const has = (list: readonly string[], value: string) => list.includes(value) || list.includes('*');
  return grants.some((grant) => (grant.namespace === undefined || grant.namespace === namespace) && grant.rules.some((rule) => (
    has(rule.apiGroups, group) && has(rule.resources, resource) && has(rule.verbs, verb)
    && (rule.resourceNames === undefined || (name !== undefined && rule.resourceNames.includes(name)))
  )));
}
