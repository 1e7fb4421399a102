import type { IBackend } from '../backend';
import { CONTROL_PLANE } from '../contract/identity';
import { MESH_LABEL, SERVICE_LABEL } from '../contract/names';
import { CERTIFICATE_PORT, CONTROL_PLANE_ADMIN_PORT, HEALTH_PORT, INBOUND_PORT, INJECTOR_PORT, XDS_PORT } from '../contract/ports';
import type { ExternalService } from '../external-service';
import type { MeshService } from '../mesh-service';
import { NetworkIsolation } from '../network-isolation';
import { destinationsOf } from './http-route-spec';
import type { Registry } from './registry';
import type { Route } from './route';

/** Name that Kubernetes labels every namespace with. */
const NAMESPACE_LABEL = 'kubernetes.io/metadata.name';
const DNS_PORT = 53;
const HTTP_PORT = 80;
const HTTPS_PORT = 443;
/** Where the cluster's DNS is: its pods, and the address that its cache has on every node. */
const DNS = [{ namespaceSelector: { matchLabels: { [NAMESPACE_LABEL]: 'kube-system' } } }, { ipBlock: { cidr: '169.254.20.10/32' } }];
const ANYWHERE = [{ ipBlock: { cidr: '0.0.0.0/0' } }, { ipBlock: { cidr: '::/0' } }];

type Peer = object;
interface Rule {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly { readonly protocol: string; readonly port: number }[];
}

/** Who sends to whom, routes included. */
interface Edges {
  readonly callers: ReadonlyMap<MeshService, ReadonlySet<MeshService>>;
  readonly called: ReadonlyMap<MeshService, ReadonlySet<MeshService>>;
  readonly outside: ReadonlyMap<MeshService, ReadonlySet<ExternalService>>;
}

const known = new WeakMap<Registry, { readonly revision: number; readonly edges: Edges }>();

function edgesOf(registry: Registry): Edges {
  const { revision, services } = registry;
  const before = known.get(registry);
  if (before?.revision === revision) return before.edges;
  const byName = new Map<string, MeshService>();
  for (const service of services) {
    for (const { backendNamespace, backendName } of [service, ...service._versions]) byName.set(`${backendNamespace}/${backendName}`, service);
  }
  const of = (backend: IBackend) => (isExternal(backend) ? undefined : byName.get(`${backend.backendNamespace}/${backend.backendName}`));
  const callers = new Map<MeshService, Set<MeshService>>(services.map((service) => [service, new Set()]));
  const called = new Map<MeshService, Set<MeshService>>(services.map((service) => [service, new Set()]));
  const outside = new Map<MeshService, Set<ExternalService>>(services.map((service) => [service, new Set()]));
  for (const caller of services) {
    for (const { upstream } of caller._calls) {
      const first = of(upstream);
      const routed = (first?._routes ?? []).flatMap(backendsOf);
      for (const backend of [upstream, ...routed]) if (isExternal(backend)) outside.get(caller)!.add(backend);
      for (const service of [first, ...routed.map(of)]) {
        if (service === undefined) continue;
        callers.get(service)!.add(caller);
        called.get(caller)!.add(service);
      }
    }
  }
  // What audits is reached by everybody of its mesh, to be counted.
  for (const audited of services.filter(({ _isAudited }) => _isAudited)) {
    for (const caller of services) if (caller !== audited && caller.mesh === audited.mesh) called.get(caller)!.add(audited);
  }
  const edges = { callers, called, outside };
  known.set(registry, { revision, edges });
  return edges;
}

function backendsOf(route: Route): IBackend[] {
  return [...route._rules].flatMap(destinationsOf);
}

/** `spec` of the NetworkPolicy of the control plane: proxies reach it, the API server and scrapers do, nobody else. */
export function controlPlanePolicySpec(meshName: string, pods: Readonly<Record<string, string>>): object {
  const proxies = [{ namespaceSelector: {}, podSelector: { matchLabels: { [MESH_LABEL]: meshName } } }];
  return {
    podSelector: { matchLabels: pods },
    policyTypes: ['Ingress'],
    ingress: [{ from: proxies, ports: [XDS_PORT, CERTIFICATE_PORT].map(tcp) }, { ports: [CONTROL_PLANE_ADMIN_PORT, INJECTOR_PORT].map(tcp) }],
  };
}

/** `spec` of the NetworkPolicy of all pods of a service. */
export function networkPolicySpec(service: MeshService, isolation: NetworkIsolation, registry: Registry): object {
  const { callers, called, outside } = edgesOf(registry);
  const both = isolation === NetworkIsolation.INGRESS_AND_EGRESS;
  return {
    podSelector: { matchLabels: podsOf(service) },
    policyTypes: both ? ['Ingress', 'Egress'] : ['Ingress'],
    ingress: ingressOf(service, inOrder(callers.get(service)!)),
    ...both && { egress: egressOf(service, inOrder(called.get(service)!), inOrder(outside.get(service)!)) },
  };
}

function ingressOf(service: MeshService, callers: readonly MeshService[]): Rule[] {
  const ports = portsOf(service);
  const rules: Rule[] = [];
  // Whoever takes plain text takes it from anybody; under audit everybody of the mesh gets as far as the proxy, which counts.
  const anyOfMesh = { namespaceSelector: {}, podSelector: { matchLabels: { [MESH_LABEL]: service.mesh.meshName } } };
  if (service._takesPlainText) rules.push({ ports });
  else if (service._isAudited) rules.push({ from: [anyOfMesh], ports });
  else if (callers.length > 0) rules.push({ from: callers.map(peer), ports });
  const { excludeInboundPorts = [] } = service._interception ?? {};
  // Metrics and probes.
  rules.push({ ports: [HEALTH_PORT, ...excludeInboundPorts].map(tcp) });
  return rules;
}

function egressOf(caller: MeshService, called: readonly MeshService[], outside: readonly ExternalService[]): Rule[] {
  const { mesh } = caller;
  const rules: Rule[] = called.map((service) => ({ to: [peer(service)], ports: portsOf(service) }));
  const controlPlane = { 'app.kubernetes.io/name': CONTROL_PLANE, [MESH_LABEL]: mesh.meshName };
  rules.push(
    {
      to: [{ namespaceSelector: namespace(mesh.meshNamespace), podSelector: { matchLabels: controlPlane } }],
      ports: [XDS_PORT, CERTIFICATE_PORT].map(tcp),
    },
    { to: DNS, ports: [{ protocol: 'UDP', port: DNS_PORT }, tcp(DNS_PORT)] },
  );
  const keys = keysPorts(caller);
  if (keys.length > 0) rules.push({ to: ANYWHERE, ports: keys.map(tcp) });
  // Endpoints that are no pods of this program have addresses and ports of their own.
  if (called.some(({ _props: { discovery } }) => discovery !== undefined)) rules.push({ to: ANYWHERE });
  rules.push(...outsideOf(caller, outside));
  const { excludeOutboundCidrs = [], excludeOutboundPorts = [] } = caller._interception ?? {};
  if (excludeOutboundCidrs.length > 0) rules.push({ to: excludeOutboundCidrs.map((cidr) => ({ ipBlock: { cidr } })) });
  if (excludeOutboundPorts.length > 0) rules.push({ to: ANYWHERE, ports: excludeOutboundPorts.map(tcp) });
  return rules;
}

/** Where the proxy fetches the keys of tokens: ports anywhere, as policies know no names. */
function keysPorts(service: MeshService): number[] {
  const ports = (service._checked().spec.authentication?.jwt.providers ?? []).map(({ issuer, jwksUri }) => {
    const { port, protocol } = new URL(jwksUri ?? issuer);
    return port !== '' ? Number(port) : protocol === 'https:' ? HTTPS_PORT : HTTP_PORT;
  });
  return [...new Set(ports)].sort((a, b) => a - b);
}

/**
 * What a service may reach that is no service of the mesh. A NetworkPolicy knows no names: what only has one is open at its port, whatever address
 * the name leads to.
 */
function outsideOf({ _outside: { policy, hosts = [], networks = [] } }: MeshService, called: readonly ExternalService[]): Rule[] {
  if (policy === 'none') return [];
  if (policy === 'any') return [{ to: ANYWHERE }];
  const rules: Rule[] = called.flatMap((external): Rule[] => {
    const { endpoints, port: { number } } = external._checked().spec;
    if (endpoints === undefined) return [{ to: ANYWHERE, ports: [tcp(number)] }];
    return endpoints.map(({ address, port = number }) => ({ to: [{ ipBlock: { cidr: `${address}/${address.includes(':') ? 128 : 32}` } }], ports: [tcp(port)] }));
  });
  if (networks.length > 0) rules.push({ to: networks.map((cidr) => ({ ipBlock: { cidr } })) });
  if (hosts.length > 0) rules.push({ to: ANYWHERE, ports: [HTTP_PORT, HTTPS_PORT].map(tcp) });
  return rules;
}

function isExternal(backend: IBackend): backend is ExternalService {
  return backend.backendKind === 'ExternalService';
}

/** What callers dial: the proxy; where connections are intercepted, also the application's own port, which leads there. */
function portsOf({ _dataPlane, _interception, port }: MeshService) {
  if (_dataPlane !== undefined) return [tcp(port.number)];
  return [INBOUND_PORT, ..._interception === undefined ? [] : [port.number]].map(tcp);
}

function podsOf({ mesh, backendName }: MeshService): Record<string, string> {
  return { [MESH_LABEL]: mesh.meshName, [SERVICE_LABEL]: backendName };
}

function peer(service: MeshService): Peer {
  return { namespaceSelector: namespace(service.backendNamespace), podSelector: { matchLabels: podsOf(service) } };
}

function namespace(name: string) {
  return { matchLabels: { [NAMESPACE_LABEL]: name } };
}

function tcp(port: number) {
  return { protocol: 'TCP', port };
}

/** By name, whatever the order of the program. */
function inOrder<B extends IBackend>(services: ReadonlySet<B>): B[] {
  const key = ({ backendNamespace, backendName }: B) => `${backendNamespace}/${backendName}`;
  return [...services].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
