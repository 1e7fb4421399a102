import { App, Chart } from 'cdk8s';
import { Authorization, CallRule, HttpMethod, Mesh, MeshService, ServicePort, StringMatch, TrafficEncryption, type MeshServiceProps } from '../../../../src';
import { ServedService, TRUST_DOMAIN } from '../support/served';

const ADDRESS = '127.86.1.1';

function program(payment: Partial<MeshServiceProps>): App {
  const app = new App();
  const shop = new Chart(app, 'shop', { namespace: 'shop' });
  const common = { mesh: new Mesh(shop, 'mesh', { trustDomain: TRUST_DOMAIN }), image: 'shop/app:1.0.0', port: ServicePort.http(8080) };
  const called = new MeshService(shop, 'payment', { ...common, ...payment });
  new MeshService(shop, 'order', common).calls(called, { allow: [CallRule.http({ methods: [HttpMethod.POST], path: StringMatch.exact('/charges') })] });
  new MeshService(shop, 'cart', common);
  return app;
}

let served: ServedService | undefined;
afterEach(async () => {
  await served?.close();
  served = undefined;
});

test('strict: undeclared calls are denied and counted by who asked, plain text gets no answer', async () => {
  served = await ServedService.start(program({}), 'payment', ADDRESS);
  expect(await served.ask('/charges', { as: 'order', method: 'POST', body: 'x' })).toMatchObject({ status: 200 });
  expect(await served.ask('/refund', { as: 'order', method: 'POST', body: 'x' })).toMatchObject({ status: 403 });
  expect(await served.ask('/charges', { as: 'cart', method: 'POST', body: 'x' })).toMatchObject({ status: 403 });
  await expect(served.ask('/charges')).rejects.toThrow();
  expect(served.received.map(({ method, url }) => `${method} ${url}`)).toEqual(['POST /charges']);
  expect(served.metric('envoy_http_rbac_allowed')).toBe(1);
  expect(served.metric('envoy_http_rbac_denied')).toBe(2);
  expect(served.metric('meshwright_authorization_denied_total', { mode: 'enforce', service: 'payment.shop', caller: 'order.shop' })).toBe(1);
  expect(served.metric('meshwright_authorization_denied_total', { mode: 'enforce', service: 'payment.shop', caller: 'cart.shop' })).toBe(1);
  // Without an access log who was denied is logged all the same, and nobody else.
  expect(served.logged.map(({ status, flags, path, peer, details }) => [status, flags, path, peer, details])).toEqual([
    [403, 'UAEX', '/refund', `spiffe://${TRUST_DOMAIN}/ns/shop/sa/order`,
      'rbac_access_denied{no rule allows order.shop → payment.shop: POST /refund; add it to what order.shop may ask for (allow)}'],
    [403, 'UAEX', '/charges', `spiffe://${TRUST_DOMAIN}/ns/shop/sa/cart`,
      'rbac_access_denied{no rule allows cart.shop → payment.shop: POST /charges; declare calls(payment.shop) in cart.shop}'],
  ]);
  // Nothing came in plain text, as far as a request could.
  expect(served.metric('meshwright_plaintext_connections_total', { listener: 'inbound' })).toBe(0);
});

test('audit: everything passes, and what would be denied is counted by who asked', async () => {
  served = await ServedService.start(program({ authorization: Authorization.AUDIT }), 'payment', ADDRESS);
  expect(await served.ask('/charges', { as: 'order', method: 'POST' })).toMatchObject({ status: 200 });
  expect(await served.ask('/refund', { as: 'order', method: 'POST' })).toMatchObject({ status: 200 });
  expect(await served.ask('/charges', { as: 'cart' })).toMatchObject({ status: 200 });
  expect(served.metric('envoy_http_rbac_denied')).toBe(0);
  expect(served.metric('envoy_http_rbac_shadow_allowed')).toBe(1);
  expect(served.metric('envoy_http_rbac_shadow_denied')).toBe(2);
  expect(served.metric('meshwright_authorization_denied_total', { mode: 'audit', service: 'payment.shop', caller: 'cart.shop' })).toBe(1);
  // Whoever has no certificate is still not let in.
  await expect(served.ask('/charges')).rejects.toThrow();
});

test('permissive: plain text is served and counted, and whoever has a certificate is judged', async () => {
  served = await ServedService.start(program({ encryption: TrafficEncryption.PERMISSIVE }), 'payment', ADDRESS);
  expect(await served.ask('/anything')).toMatchObject({ status: 200 });
  expect(await served.ask('/anything')).toMatchObject({ status: 200 });
  expect(await served.ask('/charges', { as: 'order', method: 'POST' })).toMatchObject({ status: 200 });
  expect(await served.ask('/anything', { as: 'order' })).toMatchObject({ status: 403 });
  expect(served.metric('meshwright_plaintext_connections_total', { listener: 'inbound' })).toBe(2);
  expect(served.metric('meshwright_plaintext_requests_total', { listener: 'inbound' })).toBe(2);
});
