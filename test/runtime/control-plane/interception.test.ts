import { translate, type NodeDescription } from '../../../runtime/control-plane/translate';
import { ClusterLoadAssignmentSchema, toJson, ListenerSchema, type Listener } from '../../../runtime/xds';
import { mesh, meshService, service, setOf, slice, type Manifest } from './support/documents';

const addressed = (name: string, port: number, ...clusterIPs: string[]): Manifest => {
  const { spec, ...rest } = service(name, port) as { spec: object };
  return { ...rest, spec: { ...spec, clusterIPs } };
};
const SHOP = [
  mesh(), meshService('order', ['payment', 'db']), addressed('order', 8080, '10.96.0.1'), slice('order', ['10.0.0.1']),
  meshService('payment'), addressed('payment', 8080, '10.96.0.2', 'fd96::2'), slice('payment', ['10.0.0.2', '10.0.0.3']),
  meshService('db', [], { port: { number: 5432, protocol: 'tcp' }, loadBalancer: { roundRobin: {} } }), addressed('db', 5432, 'None'), slice('db', ['10.0.0.4']),
];
const NODE: NodeDescription = { service: 'shop/order', podIp: '10.0.0.1', intercepted: true, addresses: ['10.0.0.1', 'fd00::1'] };

interface Chain {
  readonly name: string;
  readonly filter_chain_match?: {
    readonly destination_port?: number;
    readonly prefix_ranges?: readonly { readonly address_prefix: string; readonly prefix_len: number }[];
  };
}

interface Chains {
  readonly filter_chains?: readonly Chain[];
  readonly default_filter_chain?: Chain;
}

function chains(listener: Listener): string[] {
  const { filter_chains = [], default_filter_chain: fallback } = toJson(ListenerSchema, listener) as Chains;
  return [...filter_chains.map(({ name, filter_chain_match: match }) => (
    `${name}: ${(match?.prefix_ranges ?? []).map(({ address_prefix: address, prefix_len: length }) => `${address}/${length}`).join(' ')} port ${match?.destination_port}`
  )), ...fallback ? [`${fallback.name}: everything else`] : []];
}
const listenersOf = (manifests: readonly Manifest[], node: NodeDescription) => (
  Object.fromEntries(translate(setOf(...manifests), node).listeners.map((one) => [one.name, chains(one)])));

test('a service: the addresses of those that it calls, their pods by their own, and nothing else; of its own port only what is declared', () => {
  expect(listenersOf(SHOP, NODE)).toMatchInlineSnapshot(`
{
  "inbound": [
    "mtls:  port 15006",
    "mtls:8080:  port 8080",
  ],
  "inbound-v6": [
    "mtls:  port 15006",
    "mtls:8080:  port 8080",
  ],
  "outbound": [
    "explicit:  port 15001",
    "pods:db.shop:5432: 10.0.0.4/32 port 5432",
    "payment.shop:8080: 10.96.0.2/32 fd96::2/128 port 8080",
    "pods:payment.shop:8080: 10.0.0.2/32 10.0.0.3/32 port 8080",
    "outside:http:80:  port 80",
    "outside:denied: everything else",
  ],
  "outbound-v6": [
    "explicit:  port 15001",
    "pods:db.shop:5432: 10.0.0.4/32 port 5432",
    "payment.shop:8080: 10.96.0.2/32 fd96::2/128 port 8080",
    "pods:payment.shop:8080: 10.0.0.2/32 10.0.0.3/32 port 8080",
    "outside:http:80:  port 80",
    "outside:denied: everything else",
  ],
  "outbound:db.shop:5432": [
    "undefined:  port undefined",
  ],
}
`);
});

test('where it is detected what is spoken: by first bytes within one address, and to a single pod as bytes', () => {
  const any = [meshService('any', [], { port: { number: 7000, protocol: 'tcp', detect: true } }), addressed('any', 7000, '10.96.0.9'), slice('any', ['10.0.0.9'])];
  const caller = translate(setOf(mesh(), meshService('order', ['any']), addressed('order', 8080, '10.96.0.1'), slice('order', ['10.0.0.1']), ...any), NODE);
  const [listener] = caller.listeners.filter(({ name }) => name === 'outbound');
  const firstBytes = ({ filterChains }: Listener) => filterChains.filter(({ name }) => !/^outside|explicit/.test(name))
    .map(({ name, filterChainMatch: match }) => [name, match?.transportProtocol, ...match?.applicationProtocols ?? []].join(' '));
  expect(firstBytes(listener!)).toEqual([
    'any.shop:7000/http raw_buffer http/1.1', 'any.shop:7000/http2 raw_buffer h2c', 'any.shop:7000/bytes raw_buffer', 'any.shop:7000/tls tls', 'pods:any.shop:7000 ',
  ]);
  expect(chains(listener!)).toContain('any.shop:7000/http: 10.96.0.9/32 port 7000');
  expect(listener!.listenerFilters.map(({ name }) => name.split('.').at(-1))).toEqual(['original_dst', 'tls_inspector', 'http_inspector']);
  // All of it is one cluster; the tunnel says what it carries.
  expect(caller.clusters.map(({ name }) => name).filter((name) => name.startsWith('any.shop'))).toEqual(['any.shop:7000']);
  const filters = listener!.filterChains.filter(({ name }) => name.startsWith('any.shop')).map(({ filters: all }) => all.map(({ name }) => name.split('.').at(-1)));
  expect(filters).toEqual([['set_filter_state', 'tcp_proxy'], ['set_filter_state', 'tcp_proxy'], ['tcp_proxy'], ['tcp_proxy']]);
  expect(caller.endpoints.map(({ clusterName }) => clusterName)).toEqual(['any.shop:7000']);

  const [inbound] = translate(setOf(mesh(), ...any), { ...NODE, service: 'shop/any', podIp: '10.0.0.9' }).listeners;
  expect(firstBytes(inbound!)).toEqual(['mtls/http  http/1.1', 'mtls/http2  h2', 'mtls ', 'mtls/http:7000  http/1.1', 'mtls/http2:7000  h2', 'mtls:7000 ']);
});

test('connections to a pod by its address go to its proxy, as who it has to be', () => {
  const { clusters } = translate(setOf(...SHOP), NODE);
  const pods = clusters.find(({ name }) => name === 'pods:payment.shop:8080')!;
  expect(pods.lbConfig).toMatchObject({ case: 'originalDstLbConfig', value: { upstreamPortOverride: 15006 } });
  expect(pods.transportSocket?.name).toBe('envoy.transport_sockets.tls');
});

test('a guest calls whatever has an address, and what it serves is passed on; without spec.injection there are no guests', () => {
  const injection = { proxy: { image: 'p', logLevel: 'info', concurrency: 1, resources: { limits: { memory: '256Mi' } } }, interception: {} };
  const guest = { ...NODE, service: 'shop/~visitor' };
  expect(listenersOf([mesh([], { injection }), ...SHOP.slice(1)], guest)).toMatchInlineSnapshot(`
{
  "inbound": [
    "pass-through: everything else",
  ],
  "inbound-v6": [
    "pass-through: everything else",
  ],
  "outbound": [
    "explicit:  port 15001",
    "order.shop:8080: 10.96.0.1/32 port 8080",
    "pods:order.shop:8080: 10.0.0.1/32 port 8080",
    "payment.shop:8080: 10.96.0.2/32 fd96::2/128 port 8080",
    "pods:payment.shop:8080: 10.0.0.2/32 10.0.0.3/32 port 8080",
    "pass-through: everything else",
  ],
  "outbound-v6": [
    "explicit:  port 15001",
    "order.shop:8080: 10.96.0.1/32 port 8080",
    "pods:order.shop:8080: 10.0.0.1/32 port 8080",
    "payment.shop:8080: 10.96.0.2/32 fd96::2/128 port 8080",
    "pods:payment.shop:8080: 10.0.0.2/32 10.0.0.3/32 port 8080",
    "pass-through: everything else",
  ],
}
`);
  expect(listenersOf(SHOP, guest)).toEqual({});
});

test('pods of both families are known by either address; what is balanced goes by IPv4', () => {
  const v6 = { ...slice('payment', ['fd00::2', 'fd00::3'], 'b'), addressType: 'IPv6' };
  const { listeners, endpoints } = translate(setOf(...SHOP, v6), NODE);
  const balanced = toJson(ClusterLoadAssignmentSchema, endpoints.find(({ clusterName }) => clusterName === 'payment.shop:8080')!);
  expect(chains(listeners.find(({ name }) => name === 'outbound')!)).toContain('pods:payment.shop:8080: 10.0.0.2/32 10.0.0.3/32 fd00::2/128 fd00::3/128 port 8080');
  expect(JSON.stringify(balanced).match(/"address":"[^"]+"/g)).toEqual(['"address":"10.0.0.2"', '"address":"10.0.0.3"']);
});
