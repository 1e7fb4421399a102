import { trustNamespaces } from '../../../../runtime/control-plane/identity/trust-namespaces';
import type { MeshModel } from '../../../../runtime/control-plane/model';

function services(...of: [namespace: string, trustDomain: string][]): Pick<MeshModel, 'services'> {
  return { services: new Map(of.map(([namespace, trustDomain], index) => [`${namespace}/${index}`, { namespace, mesh: { trustDomain } }])) } as never;
}

test('roots go to where services of their own trust domain are, and to who asks for its sidecars', () => {
  const made = services(['shop', 'shop.example'], ['orders', 'shop.example'], ['orders', 'shop.example']);
  expect(trustNamespaces(made, ['guests', 'shop'], 'shop.example')).toEqual(['guests', 'orders', 'shop']);
});

test('two meshes of a cluster: neither writes where only the other one has services, not even where both inject', () => {
  const made = services(['shop', 'shop.example'], ['bank', 'bank.example']);
  expect(trustNamespaces(made, ['bank', 'guests'], 'shop.example')).toEqual(['guests', 'shop']);
  expect(trustNamespaces(made, ['bank', 'guests'], 'bank.example')).toEqual(['bank', 'guests']);
});

test('a service whose Mesh is not there yet has no roots', () => {
  expect(trustNamespaces(services(['shop', '']), [], 'shop.example')).toEqual([]);
  expect(trustNamespaces(services(['shop', '']), ['shop'], 'shop.example')).toEqual(['shop']);
});
