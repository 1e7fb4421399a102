import type { IBackend } from '../backend';
import { CONTROL_PLANE } from '../contract/identity';
import { MESH_LABEL, SERVICE_LABEL } from '../contract/names';
import { CERTIFICATE_PORT, CONTROL_PLANE_ADMIN_PORT, HEALTH_PORT, INBOUND_PORT, INJECTOR_PORT, XDS_PORT } from '../contract/ports';
import type { MeshService } from '../mesh-service';
import { NetworkIsolation } from '../network-isolation';
import { destinationsOf } from './http-route-spec';
import type { Registry } from './registry';
import type { Route } from './route';

/** Name that Kubernetes labels every namespace with. */
const NAMESPACE_LABEL = 'kubernetes.io/metadata.name';
const DNS_PORT = 53;
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
  const of = ({ backendNamespace, backendName }: IBackend) => byName.get(`${backendNamespace}/${backendName}`);
  const callers = new Map<MeshService, Set<MeshService>>(services.map((service) => [service, new Set()]));
  const called = new Map<MeshService, Set<MeshService>>(services.map((service) => [service, new Set()]));
  for (const caller of services) {
    for (const { upstream } of caller._calls) {
      const first = of(upstream);
      const routed = (first?._routes ?? []).flatMap((route) => backendsOf(route).map(of));
      for (const service of [first, ...routed]) {
        if (service === undefined) continue;
        callers.get(service)!.add(caller);
        called.get(caller)!.add(service);
      }
    }
  }
  const edges = { callers, called };
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
  const { callers, called } = edgesOf(registry);
  const both = isolation === NetworkIsolation.INGRESS_AND_EGRESS;
  return {
    podSelector: { matchLabels: podsOf(service) },
    policyTypes: both ? ['Ingress', 'Egress'] : ['Ingress'],
    ingress: ingressOf(service, inOrder(callers.get(service)!)),
    ...both && { egress: egressOf(service, inOrder(called.get(service)!)) },
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

function egressOf(caller: MeshService, called: readonly MeshService[]): Rule[] {
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
  const keys = keysPort(caller);
  if (keys !== undefined) rules.push({ to: ANYWHERE, ports: [tcp(keys)] });
  // Endpoints that are no pods of this program have addresses and ports of their own.
  if (called.some(({ _props: { discovery } }) => discovery !== undefined)) rules.push({ to: ANYWHERE });
  const { excludeOutboundCidrs = [], excludeOutboundPorts = [] } = caller._interception ?? {};
  if (excludeOutboundCidrs.length > 0) rules.push({ to: excludeOutboundCidrs.map((cidr) => ({ ipBlock: { cidr } })) });
  if (excludeOutboundPorts.length > 0) rules.push({ to: ANYWHERE, ports: excludeOutboundPorts.map(tcp) });
  return rules;
}

/** Where the proxy fetches the keys of tokens: a port anywhere, as policies know no names. */
function keysPort(service: MeshService): number | undefined {
  const { issuer, jwksUri } = service._checked().spec.authentication?.jwt ?? {};
  const url = jwksUri ?? issuer;
  if (url === undefined) return undefined;
  const { port, protocol } = new URL(url);
  return port !== '' ? Number(port) : protocol === 'https:' ? 443 : 80;
}

/** What callers dial: the proxy; where connections are intercepted, also the application's own port, which leads there. */
function portsOf({ _interception, port }: MeshService) {
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
function inOrder(services: ReadonlySet<MeshService>): MeshService[] {
  const key = ({ backendNamespace, backendName }: MeshService) => `${backendNamespace}/${backendName}`;
  return [...services].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
