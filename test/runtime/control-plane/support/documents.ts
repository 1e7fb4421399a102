/** Manifests as values, short to write in a test. */
import { readResources, type RawDocument, type ResourceSet } from '../../../../runtime/control-plane';
import type { MeshModel } from '../../../../runtime/control-plane/model';
import { resolve } from '../../../../runtime/control-plane/resolve';

export type Manifest = Readonly<Record<string, unknown>>;
const API = 'mesh.meshwright.dev/v1alpha1';

export function mesh(regions: readonly object[] = [], more: object = {}): Manifest {
  return { apiVersion: API, kind: 'Mesh', metadata: { name: 'mesh', namespace: 'shop' }, spec: { trustDomain: 'shop.example', regions, ...more } };
}

/** A service that calls others of its namespace. */
export function meshService(name: string, calls: readonly string[] = [], more: object = {}): Manifest {
  return {
    apiVersion: API,
    kind: 'MeshService',
    metadata: { name, namespace: 'shop' },
    spec: {
      mesh: { name: 'mesh', namespace: 'shop' },
      serviceAccount: name,
      port: { number: 8080, protocol: 'http' },
      loadBalancer: { roundRobin: {} },
      calls: calls.map((callee) => ({ service: callee, namespace: 'shop' })),
      ...more,
    },
  };
}

export function service(name: string, port = 8080): Manifest {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec: { ports: [{ name: 'http', port }] } };
}

export function slice(name: string, addresses: readonly string[], zone?: string): Manifest {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: zone === undefined ? name : `${name}-${zone}`, namespace: 'shop', labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 15006 }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true }, ...zone === undefined ? {} : { zone } })),
  };
}

export function route(name: string, parent: string, rules: readonly object[]): Manifest {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, namespace: 'shop' },
    spec: { parentRefs: [{ group: '', kind: 'Service', name: parent }], rules },
  };
}

/** A service with its Kubernetes Service and endpoints. */
export function whole(name: string, addresses: readonly string[], calls: readonly string[] = [], more: object = {}): Manifest[] {
  return [meshService(name, calls, more), service(name), slice(name, addresses)];
}

export function documentsOf(manifests: readonly Manifest[]): { documents: RawDocument[]; unreadable: [] } {
  return { documents: manifests.map((value, index) => ({ value, location: `test:${index}` })), unreadable: [] };
}

export function setOf(...manifests: Manifest[]): ResourceSet {
  return readResources(documentsOf(manifests));
}

export function modelOf(manifests: readonly Manifest[], previous?: MeshModel): MeshModel {
  return resolve(readResources(documentsOf(manifests)), previous).model;
}
