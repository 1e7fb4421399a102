import { App, Chart, Testing } from 'cdk8s';
import { Bank } from '../examples/banking/bank';
import { Shop } from '../examples/ecommerce/shop';
import { Sensors } from '../examples/iot/sensors';
import {
  Authorization, ExternalService, HttpRoute, HttpRule, Interception, JwtAuthentication, Mesh, MeshService, NetworkIsolation, OutsideTraffic,
  ServicePort, StringMatch, TrafficEncryption, Weighted, type ExternalServiceProps, type MeshProps, type MeshServiceProps,
} from '../src';

type Labels = Readonly<Record<string, string>>;
interface Selector { readonly matchLabels?: Labels }
interface Peer { readonly namespaceSelector?: Selector; readonly podSelector?: Selector; readonly ipBlock?: { readonly cidr: string } }
interface Port { readonly protocol: string; readonly port: number }
interface Rule { readonly from?: readonly Peer[]; readonly to?: readonly Peer[]; readonly ports?: readonly Port[] }
interface Pod { readonly name: string; readonly namespace: string; readonly labels: Labels }
interface Policy {
  readonly namespace: string;
  readonly spec: { podSelector: Selector; policyTypes: string[]; ingress?: Rule[]; egress?: Rule[] };
}

const OUTSIDE = 'outside';

/** What Kubernetes makes of the NetworkPolicies of manifests: https://kubernetes.io/docs/concepts/services-networking/network-policies/. */
class Network {
  private readonly policies: Policy[];
  private readonly pods: Pod[];

  constructor(manifests: readonly any[]) {
    this.policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy').map(({ metadata: { namespace }, spec }) => ({ namespace, spec }));
    const workloads = manifests.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');
    this.pods = workloads.map(({ metadata: { name, namespace }, spec }) => ({ name, namespace, labels: spec.template.metadata.labels }));
    this.pods.push({ name: 'dns', namespace: 'kube-system', labels: {} }, { name: OUTSIDE, namespace: 'other', labels: {} });
  }

  /** Whether a connection from one pod to a port of another comes about. */
  connects(from: string, to: string, port: number, protocol = 'TCP'): boolean {
    const [client, server] = [from, to].map((name) => this.pods.find((pod) => pod.name === name)!);
    return this.allows('Egress', client!, server!, port, protocol) && this.allows('Ingress', server!, client!, port, protocol);
  }

  private allows(type: 'Ingress' | 'Egress', of: Pod, peer: Pod, port: number, protocol: string): boolean {
    const selecting = this.policies.filter(({ namespace, spec: { podSelector, policyTypes } }) => (
      namespace === of.namespace && selects(podSelector, of.labels) && policyTypes.includes(type)
    ));
    return selecting.length === 0 || selecting.some(({ namespace, spec }) => (type === 'Ingress' ? spec.ingress : spec.egress)!.some((rule) => {
      const peers = type === 'Ingress' ? rule.from : rule.to;
      const ports = rule.ports === undefined || rule.ports.some((one) => one.port === port && one.protocol === protocol);
      return ports && (peers === undefined || peers.some((one) => matches(one, peer, namespace)));
    }));
  }
}

function selects({ matchLabels = {} }: Selector, labels: Labels): boolean {
  return Object.entries(matchLabels).every(([name, value]) => labels[name] === value);
}

function matches({ namespaceSelector, podSelector, ipBlock }: Peer, pod: Pod, own: string): boolean {
  if (ipBlock !== undefined) return ipBlock.cidr === '0.0.0.0/0';
  const inNamespace = namespaceSelector === undefined ? pod.namespace === own : selects(namespaceSelector, { 'kubernetes.io/metadata.name': pod.namespace });
  return inNamespace && (podSelector === undefined || selects(podSelector, pod.labels));
}

/** `order` calls `payment`, whose route takes some of that to `ledger`; `cart` calls nothing. */
function network(mesh: Partial<MeshProps> = {}, payment: Partial<MeshServiceProps> = {}): Network {
  const shop = new Chart(new App(), 'shop', { namespace: 'shop' });
  const common = { mesh: new Mesh(shop, 'mesh', { trustDomain: 'shop.example', ...mesh }), image: 'shop/app:1.0.0', port: ServicePort.http(8080) };
  const called = new MeshService(shop, 'payment', { ...common, ...payment });
  const ledger = new MeshService(shop, 'ledger', common);
  called.addVersion('v2', { image: 'shop/app:2.0.0' });
  new MeshService(shop, 'order', common).calls(called);
  new MeshService(shop, 'cart', common);
  const toLedger = HttpRule.forward(ledger, { matches: [{ path: StringMatch.prefix('/ledger') }] });
  new HttpRoute(shop, 'routes', { service: called, rules: [toLedger, HttpRule.forward(called)] });
  const said = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  const manifests = Testing.synth(shop) as any[];
  said.mockRestore();
  return new Network(manifests);
}

describe('a service is reached by who calls it', () => {
  const of = network();
  test.each<[string, string, number, boolean]>([
    ['order', 'payment', 15006, true],
    ['order', 'payment-v2', 15006, true],
    ['order', 'ledger', 15006, true],
    ['cart', 'payment', 15006, false],
    ['payment', 'order', 15006, false],
    [OUTSIDE, 'payment', 15006, false],
    // Not past the proxy.
    ['order', 'payment', 8080, false],
    // Probes and metrics, but not the proxy's admin server.
    [OUTSIDE, 'payment', 15020, true],
    [OUTSIDE, 'payment', 15000, false],
    ['order', 'meshwright-control-plane', 15010, true],
    ['order', 'meshwright-control-plane', 15012, true],
    [OUTSIDE, 'meshwright-control-plane', 15010, false],
    [OUTSIDE, 'meshwright-control-plane', 15014, true],
    ['order', OUTSIDE, 443, false],
  ])('%s to %s:%i %s', (from, to, port, connects) => {
    expect(of.connects(from, to, port)).toBe(connects);
  });

  test('and finds it by DNS', () => {
    expect(of.connects('order', 'dns', 53, 'UDP')).toBe(true);
    expect(of.connects('order', 'dns', 53)).toBe(true);
    expect(of.connects('order', 'dns', 443)).toBe(false);
  });
});

test('INGRESS lets pods reach everything, and NONE is no policy', () => {
  const ingress = network({ networkIsolation: NetworkIsolation.INGRESS });
  expect(ingress.connects('order', OUTSIDE, 443)).toBe(true);
  expect(ingress.connects('cart', 'payment', 15006)).toBe(false);
  const none = network({ networkIsolation: NetworkIsolation.NONE });
  expect(none.connects(OUTSIDE, 'payment', 8080)).toBe(true);
  expect(none.connects(OUTSIDE, 'meshwright-control-plane', 15010)).toBe(true);
});

test('a service says otherwise than its mesh', () => {
  const open = network({}, { networkIsolation: NetworkIsolation.NONE });
  expect(open.connects(OUTSIDE, 'payment', 8080)).toBe(true);
  expect(open.connects(OUTSIDE, 'ledger', 15006)).toBe(false);
});

test('under audit everybody of the mesh gets as far as the proxy, which counts; nobody else does', () => {
  const audited = network({}, { authorization: Authorization.AUDIT });
  expect(audited.connects(OUTSIDE, 'payment', 15006)).toBe(false);
  expect(audited.connects('cart', 'payment', 15006)).toBe(true);
  expect(audited.connects('cart', 'ledger', 15006)).toBe(false);
  const all = network({ authorization: Authorization.AUDIT });
  expect(all.connects('cart', 'payment', 15006)).toBe(true);
  expect(all.connects('cart', 'ledger', 15006)).toBe(true);
});

test('proxies reach the keys of tokens, at their port, wherever they are, and nothing else there', () => {
  const keys = (uri: string) => JwtAuthentication.jwks('https://login.example', uri, { audiences: ['payment'] });
  const reached = (authentication: JwtAuthentication) => [443, 8443, 80].filter((port) => network({}, { authentication }).connects('payment', OUTSIDE, port));
  expect(reached(keys('https://login.example/jwks'))).toEqual([443]);
  expect(reached(keys('https://login.example:8443/jwks'))).toEqual([8443]);
  expect(reached(JwtAuthentication.oidc('https://login.example', { audiences: ['payment'] }))).toEqual([443]);
  expect(network({}, { authentication: keys('https://login.example/jwks') }).connects('order', OUTSIDE, 443)).toBe(false);
});

test('whoever takes plain text takes it from anybody', () => {
  expect(network({}, { encryption: TrafficEncryption.PERMISSIVE }).connects(OUTSIDE, 'payment', 15006)).toBe(true);
});

test('interception is the service\'s own before that of its mesh: its port, and what stays out of the mesh', () => {
  const own = network({}, { interception: Interception.transparent({ excludeInboundPorts: [9090], excludeOutboundPorts: [5432] }) });
  expect(['order', OUTSIDE].map((from) => own.connects(from, 'payment', 8080))).toEqual([true, false]);
  expect([8080, 9090].map((port) => own.connects('payment', 'ledger', port))).toEqual([false, false]);
  expect(own.connects(OUTSIDE, 'payment', 9090)).toBe(true);
  expect(['payment', 'order'].map((from) => own.connects(from, OUTSIDE, 5432))).toEqual([true, false]);
});

describe('what is outside of the mesh', () => {
  const egressOf = (props: Partial<MeshServiceProps>, ...external: Partial<ExternalServiceProps>[]) => {
    const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
    const mesh = new Mesh(chart, 'mesh', { trustDomain: 'shop.example' });
    const order = new MeshService(chart, 'order', { mesh, image: 'shop/order:1', port: ServicePort.http(8080), ...props });
    external.forEach((own, index) => order.calls(new ExternalService(chart, `external-${index}`, {
      mesh, hostname: `api-${index}.example`, port: ServicePort.http(443), ...own,
    })));
    const policy = (Testing.synth(chart) as any[]).find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'order');
    // What every pod may reach stands first: the control plane and the DNS.
    return (policy.spec.egress as Rule[]).slice(2).map(({ to, ports }) => [to!.map(({ ipBlock }) => ipBlock!.cidr).join(' '), (ports ?? []).map(({ port }) => port)]);
  };
  const everywhere = '0.0.0.0/0 ::/0';

  test('a name is open at its port, an address alone', () => {
    expect(egressOf({})).toEqual([]);
    expect(egressOf({}, {})).toEqual([[everywhere, [443]]]);
    expect(egressOf({}, { endpoints: [{ address: '198.51.100.7' }, { address: '2001:db8::7', port: 8443 }] })).toEqual([
      ['198.51.100.7/32', [443]], ['2001:db8::7/128', [8443]],
    ]);
  });

  test('and what is allowed beside', () => {
    expect(egressOf({ outsideTraffic: OutsideTraffic.allow({ hosts: ['*.packages.example'], networks: ['203.0.113.0/24'] }) }, { port: ServicePort.http(8443) }))
      .toEqual([[everywhere, [8443]], ['203.0.113.0/24', []], [everywhere, [80, 443]]]);
    const open = { outsideTraffic: OutsideTraffic.any() };
    expect(egressOf(open)).toEqual([[everywhere, []]]);
  });

  test('a route of what is called leads there too', () => {
    const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
    const mesh = new Mesh(chart, 'mesh', { trustDomain: 'shop.example' });
    const make = (name: string) => new MeshService(chart, name, { mesh, image: 'shop/app:1', port: ServicePort.http(8080) });
    const [order, payment, cart] = [make('order'), make('payment'), make('cart')];
    const cards = new ExternalService(chart, 'cards', { mesh, hostname: 'api.cards.example', port: ServicePort.http(443) });
    new HttpRoute(chart, 'trial', { service: payment, rules: [HttpRule.split([Weighted.of(payment, 9), Weighted.of(cards, 1)])] });
    order.calls(payment);
    cart.calls(order);
    const of = new Network(Testing.synth(chart) as any[]);
    expect([of.connects('order', OUTSIDE, 443), of.connects('cart', OUTSIDE, 443), of.connects('order', OUTSIDE, 80)]).toEqual([true, false, false]);
  });
});

test.each<[string, (app: App) => Chart]>([
  ['banking', (app) => new Bank(app, 'bank')], ['ecommerce', (app) => new Shop(app, 'shop')], ['iot', (app) => new Sensors(app, 'iot')],
])('%s: pods of two services reach each other where the program declares it, and nowhere else', (_, build) => {
  const manifests = Testing.synth(build(new App())) as any[];
  const of = new Network(manifests);
  const services = manifests.filter(({ kind }) => kind === 'MeshService');
  for (const caller of services) {
    const declared = new Set((caller.spec.calls ?? []).map(({ service }: { service: string }) => service));
    for (const callee of services) {
      expect([caller.metadata.name, callee.metadata.name, of.connects(caller.metadata.name, callee.metadata.name, 15006)])
        .toEqual([caller.metadata.name, callee.metadata.name, declared.has(callee.metadata.name)]);
    }
  }
});
