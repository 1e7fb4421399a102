import { joined, Mistake, payment, route, TWO_VERSIONS } from './entry';
import { SECURITY_FOUND } from './security';

/** What synth finds. */

const retry = (attempts: number, base: number): string => (
  `retry: Retry.exponential({ attempts: ${attempts}, baseInterval: Duration.millis(${base}), on: [RetryOn.GATEWAY_ERROR] })`
);
const service = (name: string, ...members: readonly string[]): string => (
  `const ${name} = new MeshService(shop, '${name}', { mesh, image: 'shop/${name}:1.0.0', port${members.map((member) => `, ${member}`).join('')} });\n`
);
const outlier = (percent: number): string => (
  `outlierDetection: OutlierDetection.consecutiveServerErrors(5, { baseEjectionDuration: Duration.seconds(30), maxEjectionPercent: ${percent} })`
);
/** A service of a mesh with two regions. */
const regional = (...members: readonly string[]): string => [
  'const [west, east] = [Region.of(\'eu-west\'), Region.of(\'us-east\')];',
  'const world = new Chart(app, \'world\', { namespace: \'world\' });',
  'const bank = new Mesh(world, \'bank\', { trustDomain: \'bank.example\', regions: [west, east] });',
  `const ledger = new MeshService(world, 'ledger', { mesh: bank, image: 'bank/ledger:1.0.0', port, replicas: 4, ${members.join(', ')} });`,
].join('\n');
const local = (failover: string): string => `locality: LocalityPolicy.preferLocal({ healthyPercent: 70, failover: [${failover}] })`;
const TOKENS = 'authentication: JwtAuthentication.jwks(\'https://login.example\', \'https://login.example/jwks\', { audiences: [\'payment\'] })';
const breaker = (failures: number): string => `circuitBreaker: CircuitBreaker.consecutiveFailures(${failures}, { cooldown: Duration.seconds(30) })`;

const ROUTING: readonly Mistake[] = [
  {
    id: 'M004',
    title: 'Two route resources for the same host, overlapping',
    verdict: { error: 'MW110' },
    wrong: `${TWO_VERSIONS}new HttpRoute(shop, 'a', { service: payment, rules: [HttpRule.forward(payment)] });\n`
      + 'new HttpRoute(shop, \'b\', { service: payment, rules: [HttpRule.forward(v2)] });',
    // A longer prefix in a second route is tried first, whichever route is older.
    right: `${TWO_VERSIONS}new HttpRoute(shop, 'a', { service: payment, rules: [HttpRule.forward(payment)] });\n`
      + 'new HttpRoute(shop, \'b\', { service: payment, rules: [HttpRule.forward(v2, { matches: [{ path: StringMatch.prefix(\'/api\') }] })] });',
  },
  {
    id: 'M005',
    title: 'A rule that an earlier one takes everything from',
    verdict: { error: 'MW109' },
    wrong: TWO_VERSIONS + route(
      'HttpRule.forward(payment, { matches: [{ headers: { \'x-canary\': StringMatch.regex(\'.*\') } }] })',
      'HttpRule.forward(v2, { matches: [{ headers: { \'x-canary\': StringMatch.exact(\'1\') } }] })',
    ),
    // The catch-all stands first, and the canary is reached: Gateway API tries the more specific match first.
    right: TWO_VERSIONS + route('HttpRule.forward(payment)', 'HttpRule.forward(v2, { matches: [{ headers: { \'x-canary\': StringMatch.exact(\'1\') } }] })'),
  },
  {
    id: 'M007',
    title: 'Regular expression that the proxy cannot compile',
    verdict: { error: 'MW111' },
    wrong: payment() + route('HttpRule.forward(payment, { matches: [{ path: StringMatch.regex(\'^/v(?!1)[0-9]+/\') }] })'),
    right: payment() + route('HttpRule.forward(payment, { matches: [{ path: StringMatch.regex(\'/v[02-9][0-9]*/.*\') }] })'),
  },
  {
    id: 'M010',
    title: 'All weights of a split are zero',
    verdict: { error: 'MW005' },
    wrong: TWO_VERSIONS + route('HttpRule.split([Weighted.of(payment, 0), Weighted.of(v2, 0)])'),
    right: TWO_VERSIONS + route('HttpRule.split([Weighted.of(payment, 1), Weighted.of(v2, 0)])'),
  },
  {
    id: 'M019',
    title: 'Live writes mirrored to a service with side effects',
    verdict: { warning: 'MW164' },
    wrong: service('next') + payment() + route('HttpRule.forward(payment, { filters: [HttpFilter.mirror(next, 10)] })'),
    right: service('next') + payment()
      + route('HttpRule.forward(payment, { matches: [{ method: HttpMethod.GET }], filters: [HttpFilter.mirror(next, 10)] })', 'HttpRule.forward(payment)'),
  },
  {
    id: 'M026',
    title: "Canary share larger than the canary's capacity",
    verdict: { warning: 'MW138' },
    wrong: `${payment('replicas: 20', 'rateLimits: [RateLimit.perReplica(Rate.perSecond(100))]')}order.calls(payment, { requestsPerSecond: 2000 });\n`
      + `const v2 = payment.addVersion('v2', { image: 'shop/payment:2.0.0', replicas: 1 });\n${route('HttpRule.canary(v2, 50)')}`,
    right: `${payment('replicas: 20', 'rateLimits: [RateLimit.perReplica(Rate.perSecond(100))]')}order.calls(payment, { requestsPerSecond: 2000 });\n`
      + `const v2 = payment.addVersion('v2', { image: 'shop/payment:2.0.0', replicas: 10 });\n${route('HttpRule.canary(v2, 50)')}`,
  },
];

const TIMEOUTS: readonly Mistake[] = [
  {
    id: 'M031',
    title: 'Total timeout smaller than the retries it contains',
    verdict: { error: 'MW112' },
    wrong: payment('timeout: Timeout.total(Duration.seconds(2), { perTry: Duration.millis(500) })', retry(3, 100)),
    right: payment('timeout: Timeout.total(Duration.millis(2700), { perTry: Duration.millis(500) })', retry(3, 100)),
  },
  {
    id: 'M032',
    title: 'Per-try timeout longer than the total timeout',
    verdict: { error: 'MW001' },
    wrong: payment('timeout: Timeout.total(Duration.seconds(1), { perTry: Duration.seconds(2) })', retry(3, 10)),
    right: payment('timeout: Timeout.total(Duration.millis(1070), { perTry: Duration.millis(250) })', retry(3, 10)),
  },
  {
    id: 'M034',
    title: 'Backoff alone is longer than the timeout (banking numbers)',
    verdict: { error: 'MW113' },
    wrong: payment('timeout: Timeout.total(Duration.seconds(1))', retry(3, 200)),
    right: payment('timeout: Timeout.perTry(Duration.seconds(1))', retry(3, 200)),
  },
  {
    id: 'M035',
    title: 'Backoff alone is longer than the timeout (IoT numbers)',
    verdict: { error: 'MW113' },
    wrong: payment('timeout: Timeout.total(Duration.millis(200))', retry(3, 50)),
    right: payment('timeout: Timeout.perTry(Duration.millis(200))', retry(3, 50)),
  },
  {
    id: 'M038',
    title: 'Caller gives up before the callee does',
    verdict: { error: 'MW115' },
    wrong: `${service('ratings', 'timeout: Timeout.total(Duration.seconds(10))')}${service('reviews', 'timeout: Timeout.perTry(Duration.seconds(3))', retry(1, 10))}`
      + `${service('productpage')}productpage.calls(reviews);\nreviews.calls(ratings);`,
    right: `${service('ratings', 'timeout: Timeout.total(Duration.seconds(2))')}${service('reviews', 'timeout: Timeout.perTry(Duration.seconds(3))', retry(1, 10))}`
      + `${service('productpage')}productpage.calls(reviews);\nreviews.calls(ratings);`,
  },
  {
    id: 'M040',
    title: 'Retry amplification along a path',
    verdict: { error: 'MW117' },
    wrong: `${service('bank', retry(3, 10))}${payment(retry(3, 10))}${service('cart', retry(3, 10))}order.calls(cart);\ncart.calls(payment);\npayment.calls(bank);`,
    right: `${service('bank', retry(3, 10))}${payment()}${service('cart')}order.calls(cart);\ncart.calls(payment);\npayment.calls(bank);`,
  },
];

const RESILIENCE: readonly Mistake[] = [
  {
    id: 'M052', title: 'Outlier ejection with one replica', verdict: { warning: 'MW120' }, wrong: payment(outlier(100)), right: payment('replicas: 2', outlier(100)),
  },
  {
    id: 'M053',
    title: 'Ejection percentage rounds to zero endpoints',
    verdict: { warning: 'MW121' },
    wrong: payment('replicas: 3', outlier(10)),
    right: payment('replicas: 3', outlier(34)),
  },
  {
    id: 'M055',
    title: 'Breaker opens inside the retry loop of one call',
    verdict: { warning: 'MW107' },
    wrong: `${payment(retry(3, 10), breaker(5))}order.calls(payment);`,
    right: `${payment(retry(3, 10), breaker(8))}order.calls(payment);`,
  },
  {
    id: 'M056',
    title: 'Declared rate does not fit the connection pool',
    verdict: { error: 'MW118' },
    wrong: `${payment('replicas: 5', 'rateLimits: [RateLimit.perReplica(Rate.perSecond(20_000))]', 'expectedLatency: Duration.millis(50)',
      'bulkhead: Bulkhead.of({ maxConnections: 100, maxPendingRequests: 10 })')}order.calls(payment);`,
    right: `${payment('replicas: 5', 'rateLimits: [RateLimit.perReplica(Rate.perSecond(20_000))]', 'expectedLatency: Duration.millis(50)',
      'bulkhead: Bulkhead.of({ maxConnections: 5000, maxPendingRequests: 10 })')}order.calls(payment);`,
  },
  {
    id: 'M058',
    title: 'Pending queue of one',
    verdict: { warning: 'MW142' },
    wrong: `${payment('bulkhead: Bulkhead.of({ maxConnections: 5, maxPendingRequests: 1 })')}order.calls(payment, { concurrentRequests: 20 });`,
    right: `${payment('bulkhead: Bulkhead.of({ maxConnections: 5, maxPendingRequests: 15 })')}order.calls(payment, { concurrentRequests: 20 });`,
  },
  {
    id: 'M059',
    title: 'Per-caller error counts never reach the threshold',
    verdict: { warning: 'MW143' },
    wrong: `${payment('replicas: 2', outlier(50).replace('(5,', '(20,'))}${service('web', 'replicas: 40')}web.calls(payment, { requestsPerSecond: 10 });`,
    right: `${payment('replicas: 2', outlier(50).replace('(5,', '(2,'))}${service('web', 'replicas: 2')}web.calls(payment, { requestsPerSecond: 10 });`,
  },
  {
    id: 'M062',
    title: 'Consistent hashing together with locality balancing',
    verdict: { warning: 'MW134' },
    wrong: regional('regions: [west, east]', 'loadBalancer: LoadBalancer.ringHash(HashKey.header(\'x-client-id\'))', local('east'), outlier(50)),
    right: regional('regions: [west, east]', 'loadBalancer: LoadBalancer.ringHash(HashKey.header(\'x-client-id\'))', outlier(50)),
  },
  {
    id: 'M067',
    title: 'Limit of zero',
    verdict: { error: 'MW001' },
    wrong: payment('rateLimits: [RateLimit.perReplica(Rate.perSecond(0))]'),
    right: payment(),
  },
  {
    id: 'M068',
    title: 'Callers are promised more than the callee admits',
    verdict: { error: 'MW119' },
    wrong: `${payment('rateLimits: [RateLimit.perReplica(Rate.perSecond(1000))]')}${service('cart')}${service('refund')}`
      + 'for (const caller of [order, cart, refund]) caller.calls(payment, { requestsPerSecond: 500 });',
    right: `${payment('replicas: 2', 'rateLimits: [RateLimit.perReplica(Rate.perSecond(1000))]')}${service('cart')}${service('refund')}`
      + 'for (const caller of [order, cart, refund]) caller.calls(payment, { requestsPerSecond: 500 });',
  },
  {
    id: 'M103',
    title: 'Failover to a region that has no endpoints',
    verdict: { error: 'MW123' },
    wrong: regional('regions: [west]', local('east'), outlier(50)),
    right: regional('regions: [west, east]', local('east'), outlier(50)),
  },
  {
    id: 'M107',
    title: 'Failover region too small',
    verdict: { warning: 'MW144' },
    wrong: `${regional('regions: [west, east]', local('west, east'), outlier(50), 'rateLimits: [RateLimit.perReplica(Rate.perSecond(1500))]')}\n`
      + 'const teller = new MeshService(world, \'teller\', { mesh: bank, image: \'bank/teller:1.0.0\', port });\nteller.calls(ledger, { requestsPerSecond: 5000 });',
    right: `${regional('regions: [west, east]', local('west, east'), outlier(50), 'rateLimits: [RateLimit.perReplica(Rate.perSecond(1500))]')}\n`
      + 'const teller = new MeshService(world, \'teller\', { mesh: bank, image: \'bank/teller:1.0.0\', port });\nteller.calls(ledger, { requestsPerSecond: 3000 });',
  },
  {
    id: 'M109',
    title: 'Locality settings that switch cross-zone traffic off',
    verdict: { warning: 'MW125' },
    wrong: regional('regions: [west, east]', local('')),
    right: regional('regions: [west, east]', local('west, east'), outlier(50)),
  },
  {
    id: 'M172',
    title: 'A fixed share for ever',
    verdict: { warning: 'MW139' },
    wrong: `${payment('circuitBreaker: CircuitBreaker.failureRate(50, { cooldown: Duration.seconds(30), window: Duration.seconds(10), minRequests: 20 })')}`
      + `order.calls(payment, { requestsPerSecond: 10 });\nconst v2 = payment.addVersion('v2', { image: 'shop/payment:2.0.0' });\n${route('HttpRule.canary(v2, 1)')}`,
    right: `${payment('circuitBreaker: CircuitBreaker.consecutiveFailures(5, { cooldown: Duration.seconds(30) })')}`
      + `order.calls(payment, { requestsPerSecond: 10 });\nconst v2 = payment.addVersion('v2', { image: 'shop/payment:2.0.0' });\n${route('HttpRule.canary(v2, 1)')}`,
  },
];

const KUBERNETES: readonly Mistake[] = [
  {
    id: 'M115',
    title: 'Two services, same target port, different ports',
    verdict: { error: 'MW004' },
    wrong: `${joined('deployment.addContainer({ name: \'app\', image: \'shop/payment:1.4.2\' });')}\nMeshService.fromWorkload(shop, 'b', { mesh, workload: deployment, port: ServicePort.http(8081) });`,
    right: joined('deployment.addContainer({ name: \'app\', image: \'shop/payment:1.4.2\' });'),
  },
  {
    id: 'M094',
    title: 'A rule about a claim without token validation',
    verdict: { error: 'MW156' },
    wrong: `${payment()}order.calls(payment, { allow: [CallRule.http({ claims: [Claim.contains('group', 'beta')] })] });`,
    right: `${payment(TOKENS)}order.calls(payment, { allow: [CallRule.http({ claims: [Claim.contains('group', 'beta')] })] });`,
  },
  {
    id: 'M095',
    title: 'Keys fetched from a service that cannot be reached',
    verdict: { error: 'MW157' },
    wrong: `${service('auth')}${payment(TOKENS.replace('login.example/jwks', 'auth:8080/jwks'))}`,
    right: `${service('auth')}${payment(TOKENS)}`,
  },
  {
    id: 'M121',
    title: 'Application uses a port of the proxy',
    verdict: { error: 'MW129' },
    wrong: payment().replace('port }', 'port: ServicePort.http(15001) }'),
    right: payment(),
  },
  {
    id: 'M125',
    title: 'HTTP policy on a port that is opaque',
    verdict: { error: 'MW001' },
    wrong: payment(retry(1, 10)).replace('port,', 'port: ServicePort.tcp(8080),'),
    right: payment(retry(1, 10)),
  },
  {
    id: 'M145',
    title: 'Object name with capitals or underscores',
    verdict: { error: 'MW001' },
    wrong: 'new MeshService(shop, \'Payment_Service\', { mesh, image: \'shop/payment:1.4.2\', port });',
    right: 'new MeshService(shop, \'payment-service\', { mesh, image: \'shop/payment:1.4.2\', port });',
  },
  {
    id: 'M146',
    title: 'Service name longer than 63 characters',
    verdict: { error: 'MW001' },
    // The base fits, what is derived from it does not.
    wrong: `new MeshService(shop, '${'p'.repeat(60)}', { mesh, image: 'shop/payment:1.4.2', port }).addVersion('canary', { image: 'shop/payment:2.0.0' });`,
    right: `new MeshService(shop, '${'p'.repeat(56)}', { mesh, image: 'shop/payment:1.4.2', port }).addVersion('canary', { image: 'shop/payment:2.0.0' });`,
  },
  {
    id: 'M148',
    title: 'Port name longer than 15 characters',
    verdict: { error: 'MW137' },
    wrong: joined('deployment.addContainer({ name: \'app\', image: \'shop/payment:1.4.2\', ports: [{ name: \'grpc-payment-internal\', number: 8080 }] });'),
    right: joined('deployment.addContainer({ name: \'app\', image: \'shop/payment:1.4.2\', ports: [{ name: \'grpc-internal\', number: 8080 }] });'),
  },
  {
    id: 'M149',
    title: 'Two containers with the same name',
    verdict: { error: 'MW128' },
    wrong: joined('deployment.addContainer({ name: \'meshwright-proxy\', image: \'shop/payment:1.4.2\' });'),
    right: joined('deployment.addContainer({ name: \'proxy\', image: \'shop/payment:1.4.2\' });'),
  },
  {
    id: 'M155',
    title: 'Request above the limit',
    verdict: { error: 'MW140' },
    wrong: payment('resources: { cpu: { request: kplus.Cpu.millis(500), limit: kplus.Cpu.millis(200) } }'),
    right: payment('resources: { cpu: { request: kplus.Cpu.millis(200), limit: kplus.Cpu.millis(500) } }'),
  },
  {
    id: 'M157',
    title: 'Probe on a port name that the container lacks',
    verdict: { error: 'MW141' },
    wrong: joined(
      'deployment.addContainer({ name: \'app\', image: \'shop/payment:1.4.2\', ports: [{ name: \'http\', number: 8080 }] });',
      'ApiObject.of(deployment).addJsonPatch(JsonPatch.add(\'/spec/template/spec/containers/0/readinessProbe\', { tcpSocket: { port: \'metrics\' } }));',
    ),
    right: joined(
      'deployment.addContainer({ name: \'app\', image: \'shop/payment:1.4.2\', ports: [{ name: \'http\', number: 8080 }] });',
      'ApiObject.of(deployment).addJsonPatch(JsonPatch.add(\'/spec/template/spec/containers/0/readinessProbe\', { tcpSocket: { port: \'http\' } }));',
    ),
  },
  {
    id: 'M158',
    title: 'The same environment variable twice',
    verdict: { error: 'MW131' },
    wrong: joined(
      'deployment.addContainer({ name: \'app\', image: \'shop/payment:1.4.2\' });',
      'const env = [{ name: \'BANK_URL\', value: \'http://a\' }, { name: \'BANK_URL\', value: \'http://b\' }];',
      'ApiObject.of(deployment).addJsonPatch(JsonPatch.add(\'/spec/template/spec/containers/0/env\', env));',
    ),
    right: payment('env: { BANK_URL: \'http://a\' }'),
  },
  {
    id: 'M160',
    title: 'Two constructs with one object name',
    verdict: { error: 'MW132' },
    wrong: `${payment()}new ApiObject(new Chart(app, 'other'), 'service', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'payment', namespace: 'shop' } });`,
    right: `${payment()}new ApiObject(new Chart(app, 'other'), 'service', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'payment', namespace: 'bank' } });`,
  },
  {
    id: 'M167',
    title: "Application runs as the proxy's user",
    verdict: { error: 'MW130' },
    wrong: payment('security: { runAsUser: 1337 }'),
    right: payment('security: { runAsUser: 1000 }'),
  },
  {
    id: 'M170',
    title: 'Canary image without a fixed version',
    verdict: { warning: 'MW126' },
    wrong: `${payment()}payment.addVersion('v2', { image: 'shop/payment:latest' });`,
    right: `${payment()}payment.addVersion('v2', { image: 'shop/payment:2.0.0' });`,
  },
  {
    id: 'M190',
    title: 'Mixed protocols in one split',
    verdict: { error: 'MW106' },
    wrong: `${service('v1')}${service('v2').replace('port', 'port: ServicePort.grpc(8080)')}`
      + 'new HttpRoute(shop, \'api\', { service: v1, rules: [HttpRule.split([Weighted.of(v1, 50), Weighted.of(v2, 50)])] });',
    right: `${service('v1')}${service('v2')}new HttpRoute(shop, 'api', { service: v1, rules: [HttpRule.split([Weighted.of(v1, 50), Weighted.of(v2, 50)])] });`,
  },
  {
    id: 'M194',
    title: 'Grace period shorter than the longest allowed request',
    verdict: { warning: 'MW133' },
    wrong: service('reports', 'timeout: Timeout.total(Duration.seconds(120))'),
    right: service('reports', 'timeout: Timeout.total(Duration.seconds(20))'),
  },
];

export const FOUND: readonly Mistake[] = [...ROUTING, ...TIMEOUTS, ...RESILIENCE, ...KUBERNETES, ...SECURITY_FOUND];
