import { isDeepStrictEqual } from 'node:util';

export interface StoredObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string; namespace?: string; resourceVersion: string; uid: string; generation: number; labels?: Record<string, string>;
    [member: string]: unknown;
  };
  [member: string]: any;
}

export interface Change {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: StoredObject;
}

export interface Served {
  readonly group: string;
  readonly versions: readonly string[];
  readonly plural: string;
  readonly kind: string;
}

/** Kinds that the control plane may ask for. */
export const KINDS: readonly Served[] = [
  { group: 'mesh.meshwright.dev', versions: ['v1alpha1'], plural: 'meshes', kind: 'Mesh' },
  { group: 'mesh.meshwright.dev', versions: ['v1alpha1'], plural: 'meshservices', kind: 'MeshService' },
  { group: 'mesh.meshwright.dev', versions: ['v1alpha1'], plural: 'externalservices', kind: 'ExternalService' },
  { group: 'gateway.networking.k8s.io', versions: ['v1'], plural: 'httproutes', kind: 'HTTPRoute' },
  { group: 'gateway.networking.k8s.io', versions: ['v1'], plural: 'grpcroutes', kind: 'GRPCRoute' },
  { group: 'gateway.networking.k8s.io', versions: ['v1'], plural: 'grpcroutes', kind: 'GRPCRoute' },
  { group: 'gateway.networking.k8s.io', versions: ['v1beta1', 'v1'], plural: 'referencegrants', kind: 'ReferenceGrant' },
  { group: '', versions: ['v1'], plural: 'services', kind: 'Service' },
  { group: '', versions: ['v1'], plural: 'pods', kind: 'Pod' },
  { group: '', versions: ['v1'], plural: 'namespaces', kind: 'Namespace' },
  { group: '', versions: ['v1'], plural: 'secrets', kind: 'Secret' },
  { group: '', versions: ['v1'], plural: 'configmaps', kind: 'ConfigMap' },
  { group: 'authentication.k8s.io', versions: ['v1'], plural: 'tokenreviews', kind: 'TokenReview' },
  { group: 'discovery.k8s.io', versions: ['v1'], plural: 'endpointslices', kind: 'EndpointSlice' },
  { group: 'coordination.k8s.io', versions: ['v1'], plural: 'leases', kind: 'Lease' },
];

/** Objects of one kind, and what happened to them: as much of it as the server remembers. */
export class Collection {
  readonly objects = new Map<string, StoredObject>();
  history: Change[] = [];
  /** Changes up to this version are forgotten. */
  compacted = 0;
  readonly watchers = new Set<(change: Change) => void>();

  constructor(readonly served: Served, private readonly version: () => number) {}

  static key(namespace: string | undefined, name: string): string {
    return `${namespace ?? ''}/${name}`;
  }

  /** Creates or replaces. A change outside of metadata and status makes a new generation. */
  put(given: any): StoredObject {
    const key = Collection.key(given.metadata.namespace, given.metadata.name);
    const before = this.objects.get(key);
    const { metadata: _m, status: _s, ...content } = given;
    const { metadata: _bm, status: _bs, ...contentBefore } = before ?? { metadata: undefined, status: undefined };
    const object: StoredObject = {
      ...structuredClone(given),
      metadata: {
        creationTimestamp: '2026-01-01T00:00:00Z',
        // What real objects are full of, and nobody here reads.
        managedFields: [{ manager: 'kubectl', operation: 'Apply', fieldsV1: { 'f:spec': {} } }],
        ...structuredClone(given.metadata),
        uid: before?.metadata.uid ?? `uid-${this.version()}`,
        generation: before ? before.metadata.generation + Number(!isDeepStrictEqual(content, contentBefore)) : 1,
      },
      ...given.status === undefined && before?.status !== undefined ? { status: before.status } : {},
    };
    this.store(key, object, before ? 'MODIFIED' : 'ADDED');
    return object;
  }

  setStatus(before: StoredObject, status: unknown): StoredObject {
    const object = { ...structuredClone(before), status };
    this.store(Collection.key(before.metadata.namespace, before.metadata.name), object, 'MODIFIED');
    return object;
  }

  delete(namespace: string | undefined, name: string): void {
    const key = Collection.key(namespace, name);
    const object = this.objects.get(key);
    if (!object) return;
    this.objects.delete(key);
    this.record({ ...object, metadata: { ...object.metadata } }, 'DELETED');
  }

  private store(key: string, object: StoredObject, type: Change['type']): void {
    this.objects.set(key, object);
    this.record(object, type);
  }

  private record(object: StoredObject, type: Change['type']): void {
    const version = this.version();
    object.metadata.resourceVersion = `${version}`;
    const change = { version, type, object: structuredClone(object) };
    this.history.push(change);
    for (const watcher of this.watchers) watcher(change);
  }
}
