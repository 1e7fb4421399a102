import { GROUP, INJECT_ENABLED, INJECT_LABEL, SERVICE_LABEL, VERSION } from '../../../../src/contract';
import type { ApiMetadata, ApiObject } from '../../kubernetes';
import { SERVICE_NAME_LABEL } from '../../resources';
import type { Collection } from './reflector';

/** A kind of object that is watched, in all namespaces. */
export interface WatchedKind extends Omit<Collection, 'namespace'> {
  readonly kind: string;
  /** What is kept of an object: memory goes with what is read of it, not with what others write into it. */
  readonly keep: (object: ApiObject) => Readonly<Record<string, unknown>>;
  /** Its status is written by the control plane, so that what stands there is kept beside the document. */
  readonly reported: boolean;
}

const GATEWAY = 'gateway.networking.k8s.io';

/** Everything that the mesh is made of. The ClusterRole that is synthesized permits to list and watch exactly these (`src/private/control-plane.ts`). */
export const WATCHED: readonly WatchedKind[] = [
  { kind: 'Mesh', group: GROUP, versions: [VERSION], plural: 'meshes', keep: specOnly, reported: true },
  { kind: 'MeshService', group: GROUP, versions: [VERSION], plural: 'meshservices', keep: specOnly, reported: true },
  { kind: 'ExternalService', group: GROUP, versions: [VERSION], plural: 'externalservices', keep: specOnly, reported: true, optional: true },
  { kind: 'HTTPRoute', group: GATEWAY, versions: ['v1'], plural: 'httproutes', keep: specOnly, reported: true, optional: true },
  { kind: 'GRPCRoute', group: GATEWAY, versions: ['v1'], plural: 'grpcroutes', keep: specOnly, reported: true, optional: true },
  { kind: 'ReferenceGrant', group: GATEWAY, versions: ['v1beta1', 'v1'], plural: 'referencegrants', keep: specOnly, reported: false, optional: true },
  { kind: 'Service', group: '', versions: ['v1'], plural: 'services', keep: service, reported: false },
  // For how many of a service's pods have a proxy that is connected; in a large cluster there is nothing as many as pods.
  {
    kind: 'Pod', group: '', versions: ['v1'], plural: 'pods', keep: pod, reported: false, metadataOnly: true,
    labelSelector: SERVICE_LABEL, fieldSelector: 'status.phase=Running',
  },
  { kind: 'Namespace', group: '', versions: ['v1'], plural: 'namespaces', keep: namespaceOf, reported: false, metadataOnly: true },
  { kind: 'EndpointSlice', group: 'discovery.k8s.io', versions: ['v1'], plural: 'endpointslices', keep: endpointSlice, reported: false },
];

function identity({ name, namespace }: ApiMetadata) {
  return { name, namespace };
}

/** Whether its pods get a sidecar: where they do, the roots have to be before them. */
function namespaceOf({ metadata: { name, labels } }: ApiObject) {
  return { metadata: { name, injected: labels?.[INJECT_LABEL] === INJECT_ENABLED } };
}

function specOnly({ metadata, spec }: ApiObject) {
  const { generation, creationTimestamp } = metadata;
  return { metadata: { ...identity(metadata), generation, creationTimestamp }, spec };
}

function pod({ metadata }: ApiObject) {
  return { metadata: { ...identity(metadata), labels: { [SERVICE_LABEL]: metadata.labels?.[SERVICE_LABEL] } } };
}

function service({ metadata, spec }: ApiObject) {
  const { ports, clusterIPs } = (spec ?? {}) as { ports?: unknown; clusterIPs?: unknown };
  return { metadata: identity(metadata), spec: { ports, ...clusterIPs === undefined ? {} : { clusterIPs } } };
}

interface Endpoint {
  readonly addresses: unknown;
  readonly conditions: unknown;
  readonly zone: unknown;
}

function endpointSlice({ metadata, addressType, ports, endpoints }: ApiObject) {
  const owner = metadata.labels?.[SERVICE_NAME_LABEL];
  return {
    metadata: { ...identity(metadata), ...owner === undefined ? {} : { labels: { [SERVICE_NAME_LABEL]: owner } } },
    addressType,
    ports,
    endpoints: (endpoints as Endpoint[] | null | undefined)?.map(({ addresses, conditions, zone }) => ({ addresses, conditions, zone })),
  };
}
