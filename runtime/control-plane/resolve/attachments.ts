import { keyOf, type KubernetesService, type ParentRef, type Resource, type ResourceSet } from '../resources';
import type { BackendDraft, Backends } from './backends';
import { spokenOn } from './protocols';
import type { Report } from './report';

export type Route = Resource<'HTTPRoute'> | Resource<'GRPCRoute'>;

/** A route, and one of the backends that it would direct. */
export interface Attachment {
  readonly route: Route;
  /** Place in `spec.parentRefs`. */
  readonly index: number;
  readonly parent: BackendDraft;
}

export function isGrpc(route: Route): route is Resource<'GRPCRoute'> {
  return route.id.kind === 'GRPCRoute';
}

type Refuse = (reason: string, rule: string) => [];

/** The backends whose traffic the route is to direct. */
export function attachmentsOf(route: Route, set: ResourceSet, backends: Backends, report: Report): Attachment[] {
  const { id, value } = route;
  return value.spec.parentRefs.flatMap((ref, index): Attachment[] => {
    const refuse: Refuse = (reason, rule) => {
      report.refuseParent(id, index, reason, `spec.parentRefs[${index}] is ${ref.kind} ${ref.name}: ${rule}`);
      return [];
    };
    if (!isService(ref)) return [];
    const namespace = ref.namespace ?? id.namespace;
    if (ref.sectionName !== undefined) return refuse('UnsupportedValue', 'sectionName is not supported; use port, or leave both out');
    const backend = backends.ofService(namespace, ref.name);
    const parents = backend ? meshed(route, ref, backend, refuse) : plain(route, ref, namespace, set, backends, refuse);
    return parents.map((parent) => ({ route, index, parent }));
  });
}

function meshed(route: Route, ref: ParentRef, backend: BackendDraft, refuse: Refuse): BackendDraft[] {
  if (backend.protocol === 'tcp') return refuse('UnsupportedProtocol', 'it carries bytes (protocol tcp): there are no requests to route; remove the route');
  if (ref.port !== undefined && ref.port !== backend.port) {
    return refuse('NoMatchingParent', `port is ${ref.port}: the service serves port ${backend.port}; write that, or leave it out`);
  }
  if (isGrpc(route) && backend.protocol === 'http') {
    return refuse('UnsupportedProtocol', 'it speaks HTTP/1.1 (protocol http), and gRPC needs HTTP/2; declare protocol grpc, or write an HTTPRoute');
  }
  return [backend];
}

/** Ports of a Service that is in no mesh: guests of the mesh reach it at its addresses. */
function plain(route: Route, ref: ParentRef, namespace: string, set: ResourceSet, backends: Backends, refuse: Refuse): BackendDraft[] {
  const service = set.resources.Service.get(keyOf({ namespace, name: ref.name }));
  if (!service || !backends.isForGuests(service.value)) {
    return refuse('NoMatchingParent', `no MeshService has Service ${namespace}/${ref.name}; create MeshService ${ref.name}, or correct the name`);
  }
  const { ports } = service.value.spec;
  const chosen = ref.port === undefined ? portsOfRequests(ports, isGrpc(route)) : ports.filter(({ port }) => port === ref.port);
  if (chosen.length === 0) {
    const all = ports.map(({ port, appProtocol }) => (appProtocol === undefined ? `${port}` : `${port} (${appProtocol})`)).join(', ') || 'none';
    return ref.port === undefined
      ? refuse('NoMatchingParent', `none of its ports speaks ${isGrpc(route) ? 'HTTP/2' : 'HTTP'}: there is ${all}; write appProtocol there, or port here`)
      : refuse('NoMatchingParent', `port is ${ref.port}: the Service has ${all}; write one of them, or leave it out`);
  }
  const bytes = chosen.find((port) => spokenOn(port) === 'tcp');
  if (bytes) return refuse('UnsupportedProtocol', `port ${bytes.port} carries ${bytes.appProtocol ?? bytes.protocol}: there are no requests to route; remove the route`);
  return chosen.map(({ port }) => backends.plain(namespace, ref.name, port, backends.guestMesh, route.id));
}

type Ports = KubernetesService['spec']['ports'];

/** Without a port all that say that they speak what the route is about; where none says anything, all that may. */
function portsOfRequests(ports: Ports, grpc: boolean): Ports {
  const said = ports.filter((port) => {
    const protocol = spokenOn(port);
    return protocol !== undefined && protocol !== 'tcp' && !(grpc && protocol === 'http');
  });
  return said.length > 0 ? said : ports.filter((port) => spokenOn(port) === undefined);
}

function isService({ group, kind }: ParentRef): boolean {
  return kind === 'Service' && (group === '' || group === 'core');
}
