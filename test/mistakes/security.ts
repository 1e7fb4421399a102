import { payment, type Mistake, type TypeMistake } from './entry';

const CALLED = `${payment()}order.calls(payment);`;
const LEGACY = 'const legacy = new MeshService(shop, \'legacy\', { mesh, image: \'shop/legacy:1.0.0\', port, dataPlane: DataPlane.NONE });\nlegacy.calls(payment);';
const allowing = (rule: string): string => `${payment()}order.calls(payment, { allow: [CallRule.http({ ${rule} })] });`;

/** Encryption, authorization and faults, where what is wrong has no place to be written. */
export const SECURITY_TYPES: readonly TypeMistake[] = [
  {
    id: 'M028',
    title: 'Fault injection and retries on the same route',
    says: /'fault' does not exist/,
    wrong: `${payment()}new HttpRoute(shop, 'payment-route', { service: payment, rules: [HttpRule.forward(payment, { fault: Fault.abort(503, 50) })] });`,
    right: payment('faults: [Fault.abort(503, 50)]', 'retry: Retry.constant(Duration.millis(10), { attempts: 3, on: [RetryOn.GATEWAY_ERROR] })'),
  },
  {
    id: 'M077',
    title: 'Port-level mTLS on the Service port',
    says: /not assignable to type 'TrafficEncryption/,
    wrong: payment('encryption: { 8000: TrafficEncryption.STRICT }'),
    right: payment('encryption: TrafficEncryption.STRICT'),
  },
  {
    id: 'M082',
    title: 'TLS to an outside service without verification',
    says: /'verify' does not exist/,
    wrong: 'order.calls(new ExternalService(shop, \'bank\', { mesh, hostname: \'api.bank.example\', port: ServicePort.http(443), verify: false }));',
    right: 'order.calls(new ExternalService(shop, \'bank\', { mesh, hostname: \'api.bank.example\', port: ServicePort.http(443) }));',
  },
  {
    id: 'M083',
    title: 'MUTUAL written for mesh mTLS',
    says: /'"MUTUAL"' is not assignable to type 'TrafficEncryption/,
    wrong: payment('encryption: \'MUTUAL\''),
    right: payment('encryption: TrafficEncryption.STRICT'),
  },
  {
    id: 'M086',
    title: 'A stray dash turns AND into OR',
    says: /'from' does not exist/,
    wrong: allowing('path: StringMatch.prefix(\'/foo\') }), CallRule.http({ from: \'foo\''),
    right: allowing('path: StringMatch.prefix(\'/foo\')'),
  },
  {
    id: 'M089',
    title: 'Policy selects no workload',
    says: /not assignable to type 'Authorization/,
    wrong: payment('authorization: { selector: { app: \'paymnet\' } }'),
    right: payment('authorization: Authorization.ENFORCE'),
  },
  {
    id: 'M091',
    title: 'Principal with the wrong trust domain or account',
    says: /'principals' does not exist/,
    wrong: `${payment()}order.calls(payment, { principals: ['cluster.local/ns/shop/sa/order'] });`,
    right: CALLED,
  },
  {
    id: 'M092',
    title: 'Host condition misses the port',
    says: /'host' does not exist/,
    wrong: allowing('host: \'*.ourdomain.example\''),
    right: allowing('path: StringMatch.prefix(\'/partners\')'),
  },
  {
    id: 'M097',
    title: 'First allow rule closes the service to all others',
    says: /'allow' does not exist on type 'MeshService'/,
    wrong: `${payment()}payment.allow(order);`,
    right: CALLED,
  },
  {
    id: 'M100',
    title: 'Deny list by path',
    says: /'deny' does not exist/,
    wrong: `${payment()}order.calls(payment, { deny: [CallRule.http({ path: StringMatch.prefix('/admin') })] });`,
    right: allowing('path: StringMatch.prefix(\'/charges\')'),
  },
  {
    id: 'M101',
    title: 'Policy port is the Service port',
    says: /'port' does not exist/,
    wrong: allowing('port: 80'),
    right: CALLED,
  },
];

/** The same, where synth finds it. */
export const SECURITY_FOUND: readonly Mistake[] = [
  {
    id: 'M073',
    title: 'Strict mTLS while a caller has no proxy',
    verdict: { error: 'MW174' },
    wrong: `${payment()}${LEGACY}`,
    right: `${payment()}const legacy = new MeshService(shop, 'legacy', { mesh, image: 'shop/legacy:1.0.0', port });\nlegacy.calls(payment);`,
  },
  {
    id: 'M074',
    title: 'Identity rule on plaintext traffic',
    verdict: { warning: 'MW152' },
    wrong: `${payment('encryption: TrafficEncryption.PERMISSIVE')}${LEGACY}`,
    right: CALLED,
  },
  {
    id: 'M079',
    title: 'Two clusters with different roots of trust',
    verdict: { error: 'MW102' },
    wrong: 'const us = new Chart(app, \'us\', { namespace: \'us\' });\n'
      + 'const usMesh = new Mesh(us, \'mesh\', { trustDomain: \'us.example\' });\n'
      + 'order.calls(new MeshService(us, \'ledger\', { mesh: usMesh, image: \'shop/ledger:3.0.0\', port }));',
    right: 'order.calls(new MeshService(shop, \'ledger\', { mesh, image: \'shop/ledger:3.0.0\', port }));',
  },
  {
    id: 'M088',
    title: 'HTTP conditions on a TCP port (deny)',
    verdict: { error: 'MW154' },
    wrong: 'const cache = new MeshService(shop, \'cache\', { mesh, image: \'shop/cache:7.0.0\', port: ServicePort.tcp(6379) });\n'
      + 'order.calls(cache, { allow: [CallRule.http({ path: StringMatch.prefix(\'/admin\') })] });',
    right: 'const cache = new MeshService(shop, \'cache\', { mesh, image: \'shop/cache:7.0.0\', port: ServicePort.tcp(6379) });\norder.calls(cache);',
  },
  {
    id: 'M127',
    title: 'Same external host with two protocols',
    verdict: { error: 'MW166' },
    wrong: 'for (const [team, tls] of [[\'a\', true], [\'b\', false]] as const) {\n'
      + '  new ExternalService(shop, team, { mesh, hostname: \'api.x.example\', port: ServicePort.http(8443), tls });\n}',
    right: 'order.calls(new ExternalService(shop, \'a\', { mesh, hostname: \'api.x.example\', port: ServicePort.http(8443) }));',
  },
  {
    id: 'M166',
    title: 'Namespace forbids the init container\'s rights',
    verdict: { error: 'MW160' },
    wrong: restricted('interception: Interception.transparent()'),
    right: restricted('interception: Interception.none()'),
  },
];

function restricted(member: string): string {
  return 'const vault = new Chart(app, \'vault\', { namespace: \'vault\' });\n'
    + 'const labels = { \'pod-security.kubernetes.io/enforce\': \'restricted\' };\n'
    + 'new ApiObject(vault, \'namespace\', { apiVersion: \'v1\', kind: \'Namespace\', metadata: { name: \'vault\', labels } });\n'
    + `new MeshService(vault, 'payment', { mesh, image: 'shop/payment:1.4.2', port, ${member} });`;
}
