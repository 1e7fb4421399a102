import { ApiObject, App, Chart, IResolver, JsonPatch, Lazy, ResolutionContext, Testing } from 'cdk8s';
import { HttpRoute, HttpRule, Mesh } from '../src';
import { emitted, refusal, service, shopChart, shopMesh } from './program';

test('each construct has its resource as the default child, and takes patches', () => {
  const chart = shopChart();
  const mesh = shopMesh(chart);
  const payment = service(mesh, 'payment');
  const v2 = payment.addVersion('v2', { image: 'shop/payment:2.0.0' });
  const route = new HttpRoute(chart, 'route', { service: payment, rules: [HttpRule.forward(v2)] });
  expect([mesh, payment, route].map((construct) => ApiObject.of(construct))).toEqual([mesh.resource, payment.resource, route.resource]);
  expect(ApiObject.of(v2)).toBe(v2.workload);

  mesh.resource.metadata.addAnnotation('team', 'shop');
  mesh.controlPlane.addJsonPatch(JsonPatch.add('/spec/template/spec/priorityClassName', 'system-cluster-critical'));
  payment.resource.addJsonPatch(JsonPatch.add('/spec/bulkhead', { maxConnections: 5, maxPendingRequests: 5 }));
  payment.workload.addJsonPatch(JsonPatch.add('/spec/template/spec/containers/0/futureField', true));
  v2.workload.addJsonPatch(JsonPatch.replace('/spec/replicas', 9));
  route.resource.addJsonPatch(JsonPatch.add('/spec/hostnames', ['payment.example']));

  expect(emitted(chart, 'Mesh', 'mesh').metadata.annotations).toEqual({ team: 'shop' });
  expect(emitted(chart, 'Deployment', 'meshwright-control-plane').spec.template.spec.priorityClassName).toBe('system-cluster-critical');
  expect(emitted(chart, 'MeshService', 'payment').spec.bulkhead).toEqual({ maxConnections: 5, maxPendingRequests: 5 });
  expect(emitted(chart, 'Deployment', 'payment').spec.template.spec.containers[0].futureField).toBe(true);
  expect(emitted(chart, 'Deployment', 'payment-v2').spec.replicas).toBe(9);
  expect(emitted(chart, 'HTTPRoute', 'route').spec.hostnames).toEqual(['payment.example']);
});

test('a patch is checked like what the SDK writes itself', () => {
  const chart = shopChart();
  service(shopMesh(chart), 'payment').resource.addJsonPatch(JsonPatch.add('/spec/calls', [{ service: 'Nobody', namespace: 'shop' }]));
  expect(refusal(chart)).toMatchInlineSnapshot(`
"[shop/payment] MW001 shop/payment: calls[0].service: "Nobody": must be 1 to 63 lower-case letters, digits and hyphens, with a letter or digit first and last; correct the value, or take it out
[shop/payment] meshwright: 1 error, 0 warnings, 0 acknowledged"
`);
});

test('a patch that cannot be applied is told with all other mistakes, at the object that it is for', () => {
  const chart = shopChart();
  const payment = service(shopMesh(chart), 'payment', { replicas: -1 });
  payment.workload.addJsonPatch(JsonPatch.replace('/spec/template/spec/nothing/0/name', 'a'));
  payment.resource.addJsonPatch(JsonPatch.remove('/spec/retry'));
  expect(refusal(chart)).toMatchInlineSnapshot(`
"[shop/payment] MW001 shop/payment: replicas: -1: must be a whole number, at least 0; write replicas: 2
[shop/payment] MW001 shop/payment/Deployment: patch 1 of 1: must find its path in the manifest; correct its path, as in Deployment/payment
[shop/payment] meshwright: 2 errors, 0 warnings, 0 acknowledged"
`);
});

test('resolvers of the App, and late values in our objects, work as in any other', () => {
  class Registry implements IResolver {
    public resolve(context: ResolutionContext): void {
      if (typeof context.value === 'string' && context.value.startsWith('shop/')) context.replaceValue(`registry.example/${context.value}`);
    }
  }
  const app = new App({ outdir: Testing.app().outdir, resolvers: [new Registry()] });
  const chart = new Chart(app, 'shop', { namespace: 'shop' });
  service(new Mesh(chart, 'mesh', { trustDomain: 'shop.example' }), 'payment');
  expect(emitted(chart, 'Deployment', 'payment').spec.template.spec.containers[0].image).toBe('registry.example/shop/payment:1.0.0');

  const late = shopChart();
  service(shopMesh(late), 'payment', { env: { BUILD: Lazy.any({ produce: () => '42' }) as string } });
  expect(emitted(late, 'Deployment', 'payment').spec.template.spec.containers[0].env[0]).toEqual({ name: 'BUILD', value: '42' });
});

test('labels of the chart and of the user stand beside ours', () => {
  const chart = new Chart(Testing.app(), 'shop', { namespace: 'shop', labels: { team: 'shop' } });
  const payment = service(shopMesh(chart), 'payment');
  payment.resource.metadata.addLabel('tier', 'gold');
  expect(emitted(chart, 'MeshService', 'payment').metadata.labels).toMatchObject({
    'team': 'shop', 'tier': 'gold', 'mesh.meshwright.dev/service': 'payment',
  });
});
