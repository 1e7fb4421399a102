import type { Finding } from '../check/finding';
import { meshService, type MeshServiceSpec } from '../contract/mesh-service';
import { API_VERSION } from '../contract/names';
import { contractFindings } from './contract-issues';

/** A spec that holds the contract, and what had to be left out for it. */
export interface CheckedSpec {
  readonly spec: MeshServiceSpec;
  readonly findings: readonly Finding[];
}

/**
 * Holds a spec against the contract. The members with a mistake are left out of what the checks see, so that everything else is still checked
 * and all mistakes are told at once.
 *
 * @param rulePaths construct path of the route that each item of `spec.rules` comes from
 */
export function checkedServiceSpec(path: string, name: string, namespace: string, spec: any, rulePaths: readonly string[]): CheckedSpec {
  const document = { apiVersion: API_VERSION, kind: 'MeshService', metadata: { name, namespace }, spec };
  const { error } = meshService.safeParse(document);
  if (error === undefined) return { spec, findings: [] };
  const ofRules = error.issues.filter((issue) => issue.path[1] === 'rules' && rulePaths[issue.path[2] as number] !== undefined);
  const findings = contractFindings(path, document, error.issues.filter((issue) => !ofRules.includes(issue)));
  for (const issue of ofRules) {
    const rule = spec.rules[issue.path[2] as number];
    const [finding] = contractFindings(rulePaths[issue.path[2] as number]!, { spec: rule }, [{ ...issue, path: ['spec', ...issue.path.slice(3)] }]);
    findings.push({ ...finding!, value: `${String(rule.rule).split('/')[1]}: ${finding!.value}` });
  }
  const wrong = new Set(error.issues.filter((issue) => issue.path[0] === 'spec').map((issue) => String(issue.path[1])));
  return { spec: without(spec, wrong), findings };
}

/** Members that every check relies on keep their value, or get one that no check minds. */
function without(spec: any, wrong: ReadonlySet<string>): MeshServiceSpec {
  const left = Object.fromEntries(Object.entries(spec ?? {}).filter(([member]) => !wrong.has(member)));
  return {
    loadBalancer: { roundRobin: {} }, mesh: spec?.mesh, port: spec?.port, serviceAccount: spec?.serviceAccount, ...left,
  } as MeshServiceSpec;
}
