import { readResources } from '../runtime/control-plane/resources';
import { Discovery } from '../src';
import { emitted, refusal, service, shopChart, shopMesh } from './program';

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
