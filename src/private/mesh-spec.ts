import type { Finding } from '../check/finding';
import { mesh, type MeshSpec } from '../contract/mesh';
import { API_VERSION } from '../contract/names';
import { contractFindings } from './contract-issues';

/** Holds the spec of a mesh against the contract. What has a mistake is left out of what the checks see. */
export function checkedMeshSpec(path: string, name: string, namespace: string, spec: any): { readonly spec: MeshSpec; readonly findings: Finding[] } {
  const document = { apiVersion: API_VERSION, kind: 'Mesh', metadata: { name, namespace }, spec };
  const { error } = mesh.safeParse(document);
  if (error === undefined) return { spec, findings: [] };
  const wrong = new Set(error.issues.map((issue) => issue.path[1]));
  const left: MeshSpec = {
    trustDomain: String(spec?.trustDomain), encryption: 'strict', authorization: 'enforce', certificateLifetime: '24h', regions: wrong.has('regions') ? [] : spec.regions,
  };
  return { spec: left, findings: contractFindings(path, document, error.issues) };
}
