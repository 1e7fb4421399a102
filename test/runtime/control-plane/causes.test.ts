import { snapshotOf } from '../../../runtime/control-plane/ads/snapshot';
import { Causes } from '../../../runtime/control-plane/status/causes';
import { xdsResources } from '../../../runtime/control-plane/xds';
import { serviceOf } from '../../../runtime/control-plane/xds/guest';
import { TypeUrl } from '../../../runtime/xds';
import { mesh, modelOf, route, whole } from './support/documents';

const { CDS, EDS, LDS, RDS } = TypeUrl;
const geohash = { locality: { geohash: { header: 'x-geohash', failover: [], healthyPercent: 100 } } };
const model = modelOf([
  mesh([{ name: 'eu', zones: [], geohashes: ['u'] }]),
  ...whole('order', ['10.0.0.1'], ['ingest', 'payment']),
  ...whole('payment', ['10.0.2.1']),
  ...whole('ingest', ['10.0.3.1'], [], geohash),
  route('canary', 'payment', [{ name: 'slow', matches: [{ path: { value: '/slow' } }], backendRefs: [{ name: 'payment', port: 8080 }] }]),
]);
const order = model.services.get('shop/order')!;
const causes = new Causes(model);
const snapshot = snapshotOf(xdsResources(model, { service: 'shop/order', podIp: '10.0.0.1', loopback: '127.0.0.1', region: undefined }));
const outbound = snapshot.types[RDS].get('outbound')!;

test.each([
  [CDS, 'payment.shop:8080', ['MeshService shop/payment']],
  [CDS, 'ingest.shop:8080@eu', ['MeshService shop/ingest']],
  [EDS, 'ingest.shop:8080', ['MeshService shop/ingest']],
  [CDS, 'inbound:8080', ['MeshService shop/order']],
  [LDS, 'inbound', ['MeshService shop/order', 'Mesh shop/mesh']],
  // Where connections are intercepted.
  [CDS, 'pods:payment.shop:8080', ['MeshService shop/payment']],
  [CDS, 'pass-through', ['MeshService shop/order']],
  [RDS, 'outbound:payment.shop:8080', ['MeshService shop/order', 'MeshService shop/payment', 'HTTPRoute shop/canary']],
  [RDS, 'outbound', ['MeshService shop/order', 'MeshService shop/ingest', 'MeshService shop/payment', 'HTTPRoute shop/canary']],
] as const)('%s %s comes of %j', (type, name, objects) => {
  expect(causes.of(order, type, name)).toEqual(objects);
});

test.each([
  [LDS, 'outbound', ['Mesh shop/mesh']],
  [CDS, 'pass-through', []],
  [CDS, 'payment.shop:8080', ['MeshService shop/payment']],
  [RDS, 'outbound:payment.shop:8080', ['MeshService shop/payment', 'HTTPRoute shop/canary']],
] as const)('%s %s of a guest, which has no object, comes of %j', (type, name, objects) => {
  const guest = serviceOf({ ...model, guests: order.mesh }, 'shop/~batch')!;
  expect(causes.of(guest, type, name)).toEqual(objects);
});

test.each([
  // Our proxy gives the path of the field.
  ['outbound: virtual_hosts[1].routes[0].match.safe_regex: no', ['HTTPRoute shop/canary']],
  ['outbound: virtual_hosts[0].routes[0]: no; virtual_hosts[1].routes[0]: no', ['MeshService shop/ingest', 'HTTPRoute shop/canary']],
  ['outbound: virtual_hosts[1].domains: no', ['MeshService shop/payment']],
  // Envoy names what it means.
  ['Only unique values for domains are permitted. Duplicate entry of domain payment.shop', ['MeshService shop/payment']],
  ['route: unknown cluster \'ingest.shop:8080@eu\'', ['MeshService shop/ingest']],
  // Where nothing is said the routes are those of the caller.
  ['no', ['MeshService shop/order']],
])('routes refused with %j: %j', (message, objects) => {
  expect(causes.ofRefusal(order, RDS, outbound, message)).toEqual(objects);
});
