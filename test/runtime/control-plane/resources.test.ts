import { ResourceStore } from '../../../runtime/control-plane/resources';
import { documentsOf, mesh, meshService, type Manifest } from './support/documents';

const update = (store: ResourceStore, ...manifests: Manifest[]) => store.update(documentsOf(manifests));
const BAD = meshService('payment', [], { timeout: { total: 'soon' } });
const timeout = (total: string) => meshService('payment', [], { timeout: { total } });

test('an object that becomes invalid stays as it was, for as long as it is there', () => {
  const store = new ResourceStore();
  const first = update(store, timeout('1s')).resources.MeshService.get('shop/payment');
  const broken = update(store, BAD);
  expect(broken.resources.MeshService.get('shop/payment')).toBe(first);
  expect(broken.rejected).toMatchObject([{ keepsPrevious: true, generation: 2, reason: 'Invalid' }]);
  expect(update(store, BAD).resources.MeshService.get('shop/payment')).toBe(first);
  expect(update(store, timeout('2s')).resources.MeshService.get('shop/payment')).toMatchObject({ generation: 3, value: { spec: { timeout: { total: '2s' } } } });
  // Taken away, it is gone; and what comes later has no past.
  expect(update(store).resources.MeshService.size).toBe(0);
  expect(update(store, BAD).resources.MeshService.size).toBe(0);
});

test('an object that did not change is the same object; generations count changes, or are the API server\'s', () => {
  const store = new ResourceStore();
  const first = update(store, mesh(), timeout('1s'));
  const second = update(store, mesh(), timeout('1s'));
  expect(second.resources.MeshService.get('shop/payment')).toBe(first.resources.MeshService.get('shop/payment'));
  const given = { ...timeout('1s'), metadata: { name: 'payment', namespace: 'shop', generation: 17 } };
  expect(update(store, given).resources.MeshService.get('shop/payment')?.generation).toBe(17);
});

test('of two documents of one object the first counts, the other is told where it is', () => {
  const set = update(new ResourceStore(), timeout('1s'), timeout('2s'));
  expect(set.resources.MeshService.get('shop/payment')?.location).toBe('test:0');
  expect(set.rejected).toMatchObject([{ reason: 'DuplicateObject', location: 'test:1', messages: [expect.stringContaining('already in test:0')] }]);
});

test('what is handed out cannot be changed', () => {
  const set = update(new ResourceStore(), timeout('1s'));
  const { spec } = set.resources.MeshService.get('shop/payment')!.value;
  expect(() => { (spec as { serviceAccount: string }).serviceAccount = 'other'; }).toThrow(TypeError);
  expect(() => { (spec.timeout as { total: string }).total = '9s'; }).toThrow(TypeError);
});

test('other people\'s objects are nobody\'s business', () => {
  const others: Manifest[] = [
    { apiVersion: 'apps/v1', kind: 'Deployment' }, { apiVersion: 'networking.istio.io/v1', kind: 'Service', metadata: {} },
    { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name: 'x', namespace: 'y' }, spec: { parentRefs: [{ name: 'gateway' }], unknown: 1 } },
  ];
  const set = update(new ResourceStore(), ...others);
  expect([set.rejected, set.unreadable]).toEqual([[], []]);
});
