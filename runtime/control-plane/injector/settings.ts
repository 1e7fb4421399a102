import type { InjectionSettings, MeshResource } from '../../../src/contract';
import type { ResourceSet } from '../resources';

/** The Mesh whose sidecar pods get that ask for one: that of the control plane's own namespace with `spec.injection`. */
export function injectingMesh(set: ResourceSet, namespace: string | undefined): MeshResource | undefined {
  return [...set.resources.Mesh.values()]
    .find(({ id, value }) => value.spec.injection !== undefined && (namespace === undefined || id.namespace === namespace))?.value;
}

/** What is injected, as the Mesh says. */
export function injectionSettings({ metadata, spec }: MeshResource): InjectionSettings {
  const { proxy, interception } = spec.injection!;
  const { image, logLevel, concurrency, resources } = proxy;
  return {
    controlPlane: { namespace: metadata.namespace!, trustDomain: spec.trustDomain, clusterDomain: spec.clusterDomain },
    proxy: { image, logLevel, concurrency, resources: resources as InjectionSettings['proxy']['resources'] },
    interception,
  };
}
