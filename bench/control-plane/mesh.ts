import { translate, type Documents, type RawDocument } from '../../runtime/control-plane';
import { readResources } from '../../runtime/control-plane/resources';
import {
  ClusterLoadAssignmentSchema, ClusterSchema, encode, ListenerSchema, RouteConfigurationSchema, TypeUrl, type ClusterLoadAssignment,
} from '../../runtime/xds';

const API = 'mesh.meshwright.dev/v1alpha1';
const NAMESPACE = 'shop';

export const SERVICES = 100;
export const ENDPOINTS = 1000;
/** Callees of a service whose calls are declared. */
export const CALLS = 5;

/** `scoped`: a service calls five others; `unscoped`: all, so that every proxy has everything. */
export type Scope = 'scoped' | 'unscoped';

/** The mesh in versions: one endpoint of the service s0 is at one of two addresses. What did not change is the same document, as sources have it. */
export class MeshVersions {
  private readonly documents: RawDocument[];
  private readonly changing: readonly RawDocument[];

  constructor(scope: Scope) {
    const manifests: object[] = [{ apiVersion: API, kind: 'Mesh', metadata: { name: 'mesh', namespace: NAMESPACE }, spec: { trustDomain: 'shop.example', regions: [] } }];
    for (let index = 0; index < SERVICES; index++) manifests.push(...service(index, scope));
    this.documents = manifests.map((value, index) => ({ value, location: `mesh:${index}` }));
    this.changing = [0, 1].map((version) => ({ value: slice(0, version), location: 'mesh:slice' }));
  }

  at(version: number): Documents {
    return { documents: [...this.documents, this.changing[version % 2]!], unreadable: [] };
  }
}

/** Numbers of the services that a service calls. */
export function callees(index: number, scope: Scope): number[] {
  return Array.from({ length: scope === 'scoped' ? CALLS : SERVICES }, (_, offset) => (index + offset + Number(scope === 'scoped')) % SERVICES);
}

function service(index: number, scope: Scope): object[] {
  const metadata = { name: `s${index}`, namespace: NAMESPACE };
  return [
    {
      apiVersion: API,
      kind: 'MeshService',
      metadata,
      spec: {
        mesh: { name: 'mesh', namespace: NAMESPACE },
        serviceAccount: metadata.name,
        port: { number: 8080, protocol: 'http' },
        loadBalancer: { leastRequest: { choices: 2 } },
        timeout: { total: '5s', perTry: '2s' },
        calls: callees(index, scope).map((callee) => ({ service: `s${callee}`, namespace: NAMESPACE })),
      },
    },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ name: 'http', port: 8080 }] } },
    ...index === 0 ? [] : [slice(index, 0)],
  ];
}

function slice(index: number, version: number): object {
  const name = `s${index}`;
  const first = index === 0 ? 100 + version : 1;
  const addresses = Array.from({ length: ENDPOINTS / SERVICES }, (_, replica) => `10.1.${index}.${replica === 0 ? first : replica + 1}`);
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 15006 }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  };
}

/**
 * What go-control-plane is to serve: what ours makes of the same mesh. Unscoped, all proxies share the snapshot of one service: the least that it can
 * have to do; ours tells proxies apart, whose listeners have each their own address.
 */
export function snapshotsFor(scope: Scope): object {
  const versions = new MeshVersions(scope);
  const sets = [0, 1].map((version) => readResources(versions.at(version)));
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  const resourcesOf = (index: number, version = 0) => translate(sets[version]!, { service: `${NAMESPACE}/s${index}`, podIp: '10.0.0.1' }, { security: 'none' });
  const snapshots = Object.fromEntries(Array.from({ length: scope === 'scoped' ? SERVICES : 1 }, (_, index) => {
    const { clusters, endpoints, listeners, routes } = resourcesOf(index);
    return [`s${index}.${NAMESPACE}`, {
      [TypeUrl.CDS]: clusters.map((one) => base64(encode(ClusterSchema, one))),
      [TypeUrl.EDS]: endpoints.map((one) => base64(encode(ClusterLoadAssignmentSchema, one))),
      [TypeUrl.LDS]: listeners.map((one) => base64(encode(ListenerSchema, one))),
      [TypeUrl.RDS]: routes.map((one) => base64(encode(RouteConfigurationSchema, one))),
    }];
  }));
  const caller = Array.from({ length: SERVICES }, (_, index) => index).find((index) => callees(index, scope).includes(0))!;
  const variants = [0, 1].map((version) => (
    resourcesOf(caller, version).endpoints.find(({ clusterName }: ClusterLoadAssignment) => clusterName === CHANGING)!));
  return { Snapshots: snapshots, Changing: CHANGING, Variants: variants.map((one) => base64(encode(ClusterLoadAssignmentSchema, one))) };
}

const CHANGING = `s0.${NAMESPACE}:8080`;
