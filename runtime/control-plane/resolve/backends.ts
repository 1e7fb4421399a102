import type { MeshResource, MeshServiceResource } from '../../../src/contract';
import type { Backend, Policies, Protocol, Region, Rule } from '../model';
import { keyOf, type ResourceId, type ResourceSet } from '../resources';
import { NO_POLICIES, policiesOf } from './policies';
import type { Report } from './report';

/** A backend under construction. */
export interface BackendDraft {
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly service: string | undefined;
  readonly policies: Policies;
  /** The mesh whose regions its endpoints are in; undefined where that is not known. */
  readonly mesh: MeshResource | undefined;
  /** What the problems of its endpoints are reported on. */
  readonly owner: ResourceId;
}

/** Which Kubernetes Service is what in the mesh. */
export class Backends {
  private readonly drafts = new Map<string, BackendDraft>();
  /** Key of the Kubernetes Service → key of the backend that the mesh has made of it. */
  private readonly meshed = new Map<string, string>();

  constructor(private readonly set: ResourceSet, private readonly report: Report) {
    for (const { id, value } of set.resources.MeshService.values()) this.add(id, value, value.metadata.name);
    // Base versions first: a Service that is somebody's own cannot become a version of another one.
    for (const { id, value } of set.resources.MeshService.values()) {
      for (const version of value.spec.versions ?? []) this.add(id, value, version.service);
    }
  }

  /** The backend that the mesh has made of a Kubernetes Service. */
  ofService(namespace: string, name: string): BackendDraft | undefined {
    const key = this.meshed.get(keyOf({ namespace, name }));
    return key === undefined ? undefined : this.drafts.get(key);
  }

  /** A port of a Service that is in no mesh, as a backend. */
  plain(namespace: string, name: string, port: number, mesh: MeshResource | undefined, owner: ResourceId): BackendDraft {
    const key = backendKey(namespace, name, port);
    const found = this.drafts.get(key);
    if (found) return found;
    const protocol = this.protocolOf(namespace, name, port);
    const draft: BackendDraft = { key, name, namespace, port, protocol, service: undefined, policies: NO_POLICIES, mesh, owner };
    this.drafts.set(key, draft);
    return draft;
  }

  /** What the port of a Service in no mesh says that it speaks (GEP-1911); HTTP/1.1 where it says nothing, as only HTTP is routed to it. */
  private protocolOf(namespace: string, name: string, port: number): Protocol {
    const found = this.set.resources.Service.get(keyOf({ namespace, name }))?.value.spec.ports.find((one) => one.port === port);
    return PROTOCOLS[found?.appProtocol ?? ''] ?? 'http';
  }

  all(): BackendDraft[] {
    return [...this.drafts.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  private add(id: ResourceId, { metadata: { namespace }, spec }: MeshServiceResource, name: string): void {
    const claimed = this.ofService(namespace, name);
    const service = keyOf(id);
    if (claimed) {
      const claim = claimed.service === service ? 'it stands here twice' : `it belongs to MeshService ${claimed.service} already`;
      this.report.unresolved(id, 'ServiceConflict', `spec.versions: Service ${name}: ${claim}; every version needs a Service of its own`);
      return;
    }
    const found = this.set.resources.Service.get(keyOf({ namespace, name }));
    const ports = found?.value.spec.ports.map(({ port }) => port);
    if (!ports && spec.discovery) {
      // Its endpoints are elsewhere, and its callers' proxies know its name.
    } else if (!ports) {
      this.report.unresolved(id, 'BackendNotFound', `Service ${keyOf({ namespace, name })} does not exist: nothing can reach its pods; create it`);
    } else if (!ports.includes(spec.port.number)) {
      this.report.unresolved(id, 'BackendNotFound',
        `spec.port.number is ${spec.port.number}: Service ${keyOf({ namespace, name })} has ${ports.length === 0 ? 'no ports' : `port ${ports.join(', ')}`}; make the two agree`);
    }
    const key = backendKey(namespace, name, spec.port.number);
    const mesh = this.set.resources.Mesh.get(keyOf(spec.mesh))?.value;
    const { number: port, protocol } = spec.port;
    this.drafts.set(key, { key, name, namespace, port, protocol, service, policies: policiesOf(spec), mesh, owner: id });
    this.meshed.set(keyOf({ namespace, name }), key);
  }
}

/** By `appProtocol`: Kubernetes' own names, and IANA's. */
const PROTOCOLS: Readonly<Record<string, Protocol>> = { 'kubernetes.io/h2c': 'http2', 'h2c': 'http2', 'http2': 'http2', 'grpc': 'grpc' };

export function backendKey(namespace: string, name: string, port: number): string {
  return `${namespace}/${name}:${port}`;
}

export function finished(draft: BackendDraft, rules: readonly Rule[] | undefined, identity: string | undefined): Backend {
  const { key, name, namespace, port, protocol, service, policies, mesh } = draft;
  const tls = identity === undefined ? undefined : { identity };
  return { key, name, namespace, port, protocol, service, tls, policies, regions: regionsOf(mesh), rules };
}

export function regionsOf(mesh: MeshResource | undefined): Region[] {
  return (mesh?.spec.regions ?? []).map(({ name, zones, geohashes }) => ({ name, zones, geohashes }));
}
