import { parseOptions } from '../runtime/control-plane/options';
import { readResources } from '../runtime/control-plane/resources';
import { Discovery, Mesh } from '../src';
import { emitted, refusal, service, shopChart, shopMesh, warnings } from './program';

test('what a service has in Consul stands in its MeshService, as the control plane reads it', () => {
  const chart = shopChart();
  const mesh = shopMesh(chart);
  service(mesh, 'payment', { discovery: Discovery.consul('legacy-payment', { datacenter: 'dc1', tags: ['v1', 'eu'] }) });
  service(mesh, 'stock', { discovery: Discovery.consul('stock') });
  service(mesh, 'order');
  expect(emitted(chart, 'MeshService', 'payment').spec.discovery).toEqual({ consul: { service: 'legacy-payment', datacenter: 'dc1', tags: ['v1', 'eu'] } });
  expect(emitted(chart, 'MeshService', 'stock').spec.discovery).toEqual({ consul: { service: 'stock' } });
  expect(emitted(chart, 'MeshService', 'order').spec).not.toHaveProperty('discovery');
  const read = readResources({ documents: [{ value: emitted(chart, 'MeshService', 'payment'), location: 'test' }], unreadable: [] });
  expect(read.rejected).toEqual([]);
});

test('the control plane of the mesh is told which agent to ask, and has the token from a Secret', () => {
  const chart = shopChart();
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'shop.example', controlPlane: { consul: { address: 'http://consul.example:8500', tokenSecret: 'consul' } } });
  service(mesh, 'payment', { discovery: Discovery.consul('legacy-payment') });
  const printed = warnings(() => {
    const [{ args, env }] = emitted(chart, 'Deployment', 'meshwright-control-plane').spec.template.spec.containers;
    expect(args.slice(0, 4)).toEqual(['--source', 'kubernetes', '--source', 'consul:http://consul.example:8500']);
    expect(env.at(-1)).toEqual({ name: 'CONSUL_HTTP_TOKEN', valueFrom: { secretKeyRef: { name: 'consul', key: 'token' } } });
    // As the control plane reads them.
    expect(parseOptions(args)).toMatchObject({ consul: 'http://consul.example:8500' });
  });
  expect(printed).not.toContain('MW175');
});

test('an address that is none is refused', () => {
  const chart = shopChart();
  new Mesh(chart, 'mesh', { trustDomain: 'shop.example', controlPlane: { consul: { address: 'consul.example:8500' } } });
  expect(refusal(chart)).toContain('controlPlane.consul.address: "consul.example:8500": must be the address of one Consul agent');
});

test('names that Consul cannot have, and tags that say the same twice, are refused in the words of the program', () => {
  const chart = shopChart();
  const mesh = shopMesh(chart);
  service(mesh, 'payment', { discovery: Discovery.consul('legacy/payment', { datacenter: '', tags: ['v1', 'v1'] }) });
  const said = refusal(chart);
  expect(said).toContain('discovery.service: "legacy/payment": must be letters, digits, dots, underscores and hyphens');
  expect(said).toContain("write the name that Consul has, such as Discovery.consul('payment')");
  expect(said).toContain('discovery.datacenter: ""');
  expect(said).toContain('discovery.tags: "v1": an item stands twice');
});
