import type { Finding } from '../check/finding';
import { externalService, type ExternalServiceSpec } from '../contract/external-service';
import { API_VERSION } from '../contract/names';
import { contractFindings } from './contract-issues';

/** Holds the spec of an external service against the contract. Members with a mistake are left out of what the checks see. */
export function checkedExternalSpec(
  path: string, name: string, namespace: string, spec: any,
): { readonly spec: ExternalServiceSpec; readonly findings: readonly Finding[] } {
  const document = { apiVersion: API_VERSION, kind: 'ExternalService', metadata: { name, namespace }, spec };
  const { error } = externalService.safeParse(document);
  if (error === undefined) return { spec, findings: [] };
  const wrong = new Set(error.issues.map((issue) => String(issue.path[1])));
  const left = Object.fromEntries(Object.entries(spec ?? {}).filter(([member]) => !wrong.has(member)));
  const known = { loadBalancer: { roundRobin: {} }, mesh: spec?.mesh, port: spec?.port, hostname: String(spec?.hostname) };
  return { spec: { ...known, ...left } as ExternalServiceSpec, findings: contractFindings(path, document, error.issues) };
}
