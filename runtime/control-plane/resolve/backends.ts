import type { ExternalServiceResource, MeshResource, MeshServiceResource } from '../../../src/contract';
import type { Backend, External, Policies, Protocol, Region } from '../model';
import { keyOf, type KubernetesService, type ResourceId, type ResourceSet } from '../resources';
import { NO_POLICIES, policiesOf } from './policies';
import { spokenOn } from './protocols';
import type { Report } from './report';
import type { BackendRules } from './routes';

/** A backend under construction. */
export interface BackendDraft {
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly detects?: boolean;
  readonly service: string | undefined;
  readonly policies: Policies;
  /** The mesh whose regions its endpoints are in; undefined where that is not known. */
  readonly mesh: MeshResource | undefined;
  /** What the problems of its endpoints are reported on. */
  readonly owner: ResourceId;
  /** At which guests of the mesh reach it. */
  readonly addresses: readonly string[] | undefined;
  readonly external?: External;
}

/** Which Kubernetes Service is what in the mesh. */
export class Backends {
  private readonly drafts = new Map<string, BackendDraft>();
  /** Key of the Kubernetes Service → key of the backend that the mesh has made of it. */
  private readonly meshed = new Map<string, string>();
  /** Key of the ExternalService → key of its backend. */
  private readonly external = new Map<string, string>();

  /** Ports of plain Services that routes of gRPC send to. */
  private readonly named: ReadonlySet<string>;
  /** The mesh of guests, which belong to no service: the one that there is. Undefined where there are several, or none. */
  readonly guestMesh: MeshResource | undefined;

  constructor(private readonly set: ResourceSet, private readonly report: Report) {
    const { Mesh: meshes, GRPCRoute: calls } = set.resources;
    this.guestMesh = meshes.size === 1 ? [...meshes.values()][0].value : undefined;
    const references = [...calls.values()].flatMap(({ id, value: { spec: { rules, parentRefs } } }) => (
      [...rules.flatMap(({ backendRefs }) => backendRefs), ...parentRefs].map((ref) => ({ namespace: id.namespace, ...ref }))
    ));
    this.named = new Set(references.flatMap(({ namespace, name, port }) => (port === undefined ? [] : [backendKey(namespace, name, port)])));
    for (const { id, value } of set.resources.MeshService.values()) this.add(id, value, value.metadata.name);
    // Base versions first: a Service that is somebody's own cannot become a version of another one.
    for (const { id, value } of set.resources.MeshService.values()) {
      for (const version of value.spec.versions ?? []) this.add(id, value, version.service);
    }
    for (const { id, value } of set.resources.ExternalService.values()) this.addExternal(id, value);
    for (const { id, value } of set.resources.Service.values()) this.addForGuests(id, value);
  }

  /** Whether guests of a mesh can be told by its address that they call this Service. */
  isForGuests({ spec: { clusterIPs } }: KubernetesService): boolean {
    return this.guestMesh !== undefined && addressesIn(clusterIPs).length > 0;
  }

  /** A Service in no mesh, of whose ports it is said that they speak HTTP, so that guests' requests to it are requests to the proxy. */
  private addForGuests(id: ResourceId, service: KubernetesService): void {
    if (!this.isForGuests(service) || this.ofService(id.namespace, id.name)) return;
    for (const port of service.spec.ports) {
      const protocol = spokenOn(port);
      if (protocol !== undefined && protocol !== 'tcp') this.plain(id.namespace, id.name, port.port, this.guestMesh, id);
    }
  }

  /** The backend that the mesh has made of a Kubernetes Service. */
  ofService(namespace: string, name: string): BackendDraft | undefined {
    const key = this.meshed.get(keyOf({ namespace, name }));
    return key === undefined ? undefined : this.drafts.get(key);
  }

  /** The backend of an ExternalService. */
  ofExternal(namespace: string, name: string): BackendDraft | undefined {
    const key = this.external.get(keyOf({ namespace, name }));
    return key === undefined ? undefined : this.drafts.get(key);
  }

  /** A port of a Service that is in no mesh, as a backend. */
  plain(namespace: string, name: string, port: number, mesh: MeshResource | undefined, owner: ResourceId): BackendDraft {
    const key = backendKey(namespace, name, port);
    const found = this.drafts.get(key);
    if (found) return found;
    const service = this.set.resources.Service.get(keyOf({ namespace, name }))?.value;
    const protocol = this.protocolOf(service, key, port);
    const addresses = service && this.addressesOf(service);
    const draft: BackendDraft = { key, name, namespace, port, protocol, service: undefined, policies: NO_POLICIES, mesh, owner, addresses };
    this.drafts.set(key, draft);
    return draft;
  }

  /** What a port of a plain Service speaks; where it does not say so, what routes take it for, gRPC or HTTP/1.1: nothing else is routed to it. */
  private protocolOf(service: KubernetesService | undefined, key: string, port: number): Protocol {
    const found = service?.spec.ports.find((one) => one.port === port);
    const said = found && spokenOn(found);
    if (said !== undefined && said !== 'tcp') return said;
    return this.named.has(key) ? 'grpc' : 'http';
  }

  private addressesOf(service: KubernetesService): readonly string[] | undefined {
    return this.isForGuests(service) ? addressesIn(service.spec.clusterIPs) : undefined;
  }

  all(): BackendDraft[] {
    return [...this.drafts.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  private addExternal(id: ResourceId, { metadata: { namespace, name }, spec }: ExternalServiceResource): void {
    const mesh = this.set.resources.Mesh.get(keyOf(spec.mesh))?.value;
    if (!mesh) this.report.unresolved(id, 'MeshNotFound', `spec.mesh is ${keyOf(spec.mesh)}: there is no such Mesh; nobody can call it`);
    const claimed = this.ofService(namespace, name);
    if (claimed) {
      this.report.unresolved(id, 'ServiceConflict', `MeshService ${claimed.service} has Service ${keyOf({ namespace, name })}, and calls mean that one; give the ExternalService another name`);
      return;
    }
    const { port: { number: port, protocol }, hostname, tls, endpoints } = spec;
    const key = backendKey(namespace, name, port);
    const external: External = {
      hostname,
      tls: tls && { authorities: tls.caCertificates },
      endpoints: endpoints?.map((one) => ({ address: one.address, port: one.port ?? port })),
    };
    const policies = policiesOf(spec);
    this.drafts.set(key, { key, name, namespace, port, protocol, service: undefined, policies, mesh, owner: id, addresses: undefined, external });
    this.external.set(keyOf({ namespace, name }), key);
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
    const { number: port, protocol, detect } = spec.port;
    const addresses = found && this.addressesOf(found.value);
    // Where nobody is who looks, bytes are bytes.
    const detects = detect && spec.dataPlane === undefined && { detects: true };
    this.drafts.set(key, { key, name, namespace, port, protocol, ...detects, service, policies: policiesOf(spec), mesh, owner: id, addresses });
    this.meshed.set(keyOf({ namespace, name }), key);
  }
}

function addressesIn(clusterIPs: readonly string[] = []): readonly string[] {
  return clusterIPs.filter((address) => address !== '' && address !== 'None');
}

export function backendKey(namespace: string, name: string, port: number): string {
  return `${namespace}/${name}:${port}`;
}

export function finished(draft: BackendDraft, rules: BackendRules | undefined, identity: string | undefined): Backend {
  const { key, name, namespace, port, protocol, detects, service, policies, mesh, addresses, external } = draft;
  const tls = identity === undefined ? undefined : { identity };
  const attached = { rules: rules?.producer, consumerRules: rules?.consumers };
  const outside = external && { external };
  const spoken = { protocol, ...detects && { detects } };
  return { key, name, namespace, port, ...spoken, service, tls, policies, regions: regionsOf(mesh), ...attached, addresses, ...outside };
}

export function regionsOf(mesh: MeshResource | undefined): Region[] {
  return (mesh?.spec.regions ?? []).map(({ name, zones, geohashes }) => ({ name, zones, geohashes }));
}
