import type { MeshResource, MeshServiceResource } from '../../src/contract';
import type { KubeObject } from './types';

/** The zone of the mesh that this machine plays for a pod. */
export interface Placement {
  readonly region: string | undefined;
  readonly zone: string | undefined;
}

/**
 * Where the pods of a service go, in turn, as a spread over zones does it: the first zone of each of its regions, then the second of each, and so on.
 * One place without a name where the mesh has no zones. At least one place is returned.
 */
export function placements(service: string, namespace: string, objects: readonly KubeObject[]): readonly Placement[] {
  const resource = objects.find(({ kind, metadata }) => kind === 'MeshService' && metadata.name === service && (metadata.namespace ?? 'default') === namespace);
  const spec = (resource as unknown as MeshServiceResource | undefined)?.spec;
  const mesh = objects.find(({ kind, metadata }) => kind === 'Mesh' && metadata.name === spec?.mesh?.name && metadata.namespace === spec?.mesh?.namespace);
  const all = (mesh as unknown as MeshResource | undefined)?.spec?.regions ?? [];
  const regions = spec?.regions ? all.filter(({ name }) => spec.regions!.includes(name)) : all;
  const places: Placement[] = [];
  const most = Math.max(0, ...regions.map(({ zones }) => zones.length));
  for (let nth = 0; nth < most; nth++) {
    for (const { name, zones } of regions) if (zones[nth] !== undefined) places.push({ region: name, zone: zones[nth] });
  }
  return places.length > 0 ? places : [{ region: undefined, zone: undefined }];
}
