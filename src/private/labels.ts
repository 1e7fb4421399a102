import { MESH_LABEL, SERVICE_LABEL, VERSION_LABEL } from '../contract/names';

const MANAGED_BY = { 'app.kubernetes.io/managed-by': 'meshwright' };

/** Labels of what belongs to a mesh. */
export function meshLabels(mesh: string): Record<string, string> {
  return { ...MANAGED_BY, [MESH_LABEL]: mesh };
}

/** Labels of what belongs to a service. */
export function serviceLabels(mesh: string, service: string): Record<string, string> {
  return { ...MANAGED_BY, 'app.kubernetes.io/name': service, [MESH_LABEL]: mesh, [SERVICE_LABEL]: service };
}

/** What tells the pods of one version from all others of the namespace. */
export function versionSelector(service: string, version: string): Record<string, string> {
  return { [SERVICE_LABEL]: service, [VERSION_LABEL]: version };
}

/** Labels of what belongs to a version of a service. */
export function versionLabels(mesh: string, service: string, version: string): Record<string, string> {
  return { ...serviceLabels(mesh, service), [VERSION_LABEL]: version };
}
