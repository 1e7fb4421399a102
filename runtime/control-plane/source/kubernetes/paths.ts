import type { ApiMetadata } from '../../kubernetes';

/** `/apis/discovery.k8s.io/v1`, `/api/v1`. */
export function apiPath(group: string, version: string): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
}

/** Path of one object, which is also its name for people. */
export function objectPath(
  { group, versions, plural }: { readonly group: string; readonly versions: readonly string[]; readonly plural: string },
  { namespace, name }: ApiMetadata,
): string {
  return `${apiPath(group, versions[0])}/${namespace === undefined ? '' : `namespaces/${namespace}/`}${plural}/${name}`;
}
