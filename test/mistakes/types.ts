import { Mistake, payment, route, TWO_VERSIONS, TypeMistake } from './entry';
import { SECURITY_TYPES } from './security';

/** What cannot be written: the program does not compile. */

const ROUTING: readonly TypeMistake[] = [
  {
    id: 'M001',
    title: 'Route to a host that does not exist (typo)',
    says: /'string' is not assignable to .* 'IBackend'/,
    wrong: payment() + route('HttpRule.forward(\'paymnet\')'),
    right: payment() + route('HttpRule.forward(payment)'),
  },
  {
    id: 'M002',
    title: 'Policies written for a service that is never deployed',
    says: /'image' is missing/,
    wrong: 'new MeshService(shop, \'payment-service\', { mesh, port, loadBalancer: LoadBalancer.roundRobin() });',
    right: `${payment('loadBalancer: LoadBalancer.roundRobin()')}order.calls(payment);`,
  },
  {
    id: 'M008',
    title: 'Redirect together with rewrite or a backend',
    says: /'backend' does not exist/,
    wrong: payment() + route('HttpRule.redirect(\'https://shop.example\', 308, { backend: payment })'),
    right: payment() + route('HttpRule.redirect(\'https://shop.example\', 308)'),
  },
  {
    id: 'M011',
    title: 'No port given for a service with several ports',
    says: /'ports' does not exist/,
    wrong: 'new MeshService(shop, \'api\', { mesh, image: \'shop/api:1.0.0\', ports: [port, ServicePort.grpc(9090)] });',
    right: 'new MeshService(shop, \'api\', { mesh, image: \'shop/api:1.0.0\', port });',
  },
  {
    id: 'M016',
    title: 'Two policy resources for the same service',
    says: /multiple properties with the same name/,
    wrong: payment('timeout: Timeout.total(Duration.seconds(1))', 'timeout: Timeout.total(Duration.seconds(2))'),
    right: payment('timeout: Timeout.total(Duration.seconds(2))'),
  },
  {
    id: 'M017',
    title: 'Route hidden from the callers by its visibility',
    says: /'exportTo' does not exist/,
    wrong: `${payment()}new HttpRoute(shop, 'payment-route', { service: payment, rules: [HttpRule.forward(payment)], exportTo: '.' });`,
    right: `${payment()}order.calls(payment);\nnew HttpRoute(shop, 'payment-route', { service: payment, rules: [HttpRule.forward(payment)] });`,
  },
  {
    id: 'M020',
    title: 'Route to a version that nobody defined',
    says: /'string' is not assignable to .* 'ServiceVersion'/,
    wrong: payment() + route('HttpRule.canary(\'v2\', 5)'),
    right: TWO_VERSIONS + route('HttpRule.canary(v2, 5)'),
  },
  {
    id: 'M022',
    title: 'Version selected by a label that the pods do not carry',
    says: /'labels' does not exist/,
    wrong: `${payment()}payment.addVersion('v1', { image: 'shop/payment:1.0.0', labels: { version: 'v1' } });`,
    right: `${payment()}payment.addVersion('v1', { image: 'shop/payment:1.0.0' });`,
  },
  {
    id: 'M025',
    title: 'Second version takes traffic the moment it starts',
    says: /'selector' does not exist/,
    wrong: `${payment()}payment.addVersion('v2', { image: 'shop/payment:2.0.0', selector: { app: 'payment' } });`,
    right: `${payment()}payment.addVersion('v2', { image: 'shop/payment:2.0.0' });`,
  },
];

const POLICIES: readonly TypeMistake[] = [
  {
    id: 'M044',
    title: 'Old per-route profile switches off the new settings',
    says: /'annotations' does not exist/,
    wrong: payment('annotations: { \'retry\': \'5xx\', \'timeout\': \'2s\' }'),
    right: payment('timeout: Timeout.total(Duration.seconds(2))'),
  },
  {
    id: 'M046',
    title: 'Misspelt retry condition',
    says: /'string' is not assignable to type 'RetryOn'|'"5xxx"' is not assignable/,
    wrong: payment('retry: Retry.constant(Duration.millis(50), { attempts: 1, on: [\'5xxx\', \'conect-failure\'] })'),
    right: payment('retry: Retry.constant(Duration.millis(50), { attempts: 1, on: [RetryOn.SERVER_ERROR, RetryOn.CONNECT_FAILURE] })'),
  },
  {
    id: 'M047',
    title: 'Retries disabled and configured at once',
    says: /'none' does not exist/,
    wrong: payment('retry: Retry.none({ perTry: Duration.millis(200), on: [RetryOn.SERVER_ERROR] })'),
    right: payment(),
  },
  {
    id: 'M049',
    title: 'Cluster-wide retry cap smaller than the policy needs',
    says: /'maxRetries' does not exist/,
    wrong: payment('bulkhead: Bulkhead.of({ maxConnections: 100, maxPendingRequests: 10, maxRetries: 3 })'),
    // A part of the requests in flight, which grows with the load.
    right: payment('retry: Retry.constant(Duration.millis(50), { attempts: 3, on: [RetryOn.RESET], budget: RetryBudget.of(20, 10) })'),
  },
  {
    id: 'M050',
    title: 'Breaker settings under a name that does not exist',
    says: /'simpleCb' does not exist/,
    wrong: payment('circuitBreaker: { simpleCb: { maxConnections: 100, consecutive5xx: 5 } }'),
    right: payment('circuitBreaker: CircuitBreaker.consecutiveFailures(5, { cooldown: Duration.seconds(30) })'),
  },
  {
    id: 'M064',
    title: 'Client protocol forced twice',
    says: /not assignable to type 'ServicePort'|missing the following properties from type 'ServicePort'/,
    wrong: 'new MeshService(shop, \'api\', { mesh, image: \'shop/api:1.0.0\', port: [ServicePort.http(8080), ServicePort.http2(8080)] });',
    right: 'new MeshService(shop, \'api\', { mesh, image: \'shop/api:1.0.0\', port: ServicePort.http(8080) });',
  },
  {
    id: 'M065',
    title: 'Local rate limit is multiplied by the replicas',
    says: /'of' does not exist/,
    wrong: payment('replicas: 5', 'rateLimits: [RateLimit.of(Rate.perSecond(100))]'),
    right: payment('replicas: 5', 'rateLimits: [RateLimit.perReplica(Rate.perSecond(20))]'),
  },
  {
    id: 'M070',
    title: 'Path limit patched onto a route that does not exist',
    says: /'patchProxy' does not exist/,
    wrong: `${payment()}payment.patchProxy('inbound|http|80', { path: '/login', limit: 10 });`,
    right: payment('rateLimits: [RateLimit.perReplica(Rate.perSecond(10))]'),
  },
  {
    id: 'M071',
    title: 'Resource made for a rate limit denies all traffic',
    says: /'rateLimit' does not exist/,
    wrong: 'mesh.rateLimit(\'web-http\', Rate.perSecond(10));',
    right: `${payment('rateLimits: [RateLimit.perReplica(Rate.perSecond(10))]')}order.calls(payment);`,
  },
  {
    id: 'M112',
    title: 'Same service, different ports in two clusters',
    says: /'port' does not exist/,
    wrong: payment('regions: [Region.of(\'eu-west\'), Region.of(\'us-east\', { port: 80 })]'),
    right: payment(),
  },
];

const PORTS: readonly TypeMistake[] = [
  {
    id: 'M113',
    title: 'Protocol hidden in the port name',
    says: /'number' is not assignable to type 'ServicePort'/,
    wrong: 'new MeshService(shop, \'api\', { mesh, image: \'shop/api:1.0.0\', port: 80 });',
    right: 'new MeshService(shop, \'api\', { mesh, image: \'shop/api:1.0.0\', port: ServicePort.http(80) });',
  },
  {
    id: 'M119',
    title: 'Target port that no container opens',
    says: /'targetPort' does not exist/,
    wrong: payment('targetPort: 8081'),
    right: payment(),
  },
  {
    id: 'M122',
    title: 'UDP port believed to be protected',
    says: /'udp' does not exist/,
    wrong: 'new MeshService(shop, \'dns\', { mesh, image: \'shop/dns:1.0.0\', port: ServicePort.udp(5353) });',
    right: 'new MeshService(shop, \'dns\', { mesh, image: \'shop/dns:1.0.0\', port: ServicePort.http(5353) });',
  },
  {
    id: 'M124',
    title: 'Opaque on the pod, not on the Service',
    says: /Expected 1 arguments, but got 2/,
    wrong: 'new MeshService(shop, \'queue\', { mesh, image: \'shop/queue:1.0.0\', port: ServicePort.http(8080, { opaque: true }) });',
    right: 'new MeshService(shop, \'queue\', { mesh, image: \'shop/queue:1.0.0\', port: ServicePort.http(8080) });',
  },
  {
    id: 'M130',
    title: "Callee missing in the caller's egress scope",
    says: /'egress' does not exist/,
    wrong: `${payment()}new MeshService(shop, 'cart', { mesh, image: 'shop/cart:1.0.0', port, egress: ['inventory'] }).calls(payment);`,
    right: `${payment()}new MeshService(shop, 'cart', { mesh, image: 'shop/cart:1.0.0', port }).calls(payment);`,
  },
  {
    id: 'M131',
    title: 'Service name that the mesh does not recognize',
    says: /'string' is not assignable to .* 'IBackend'/,
    wrong: 'order.calls(\'payment.shop.local\');',
    right: `${payment()}order.calls(payment);`,
  },
];

const SCHEMA: readonly TypeMistake[] = [
  {
    id: 'M143',
    title: 'Unknown field in a mesh resource',
    says: /'timeot' does not exist/,
    wrong: payment('timeot: Timeout.total(Duration.seconds(2))'),
    right: payment('timeout: Timeout.total(Duration.seconds(2))'),
  },
  {
    id: 'M151',
    title: 'Workload without a selector, pods without labels',
    says: /'podLabels' does not exist/,
    wrong: payment('podLabels: {}'),
    right: payment(),
  },
  {
    id: 'M152',
    title: 'Service selects nothing',
    says: /'selector' does not exist/,
    wrong: payment('selector: { app: \'payments\' }'),
    right: payment(),
  },
  {
    id: 'M154',
    title: 'Memory in thousandths of a byte',
    says: /'string' is not assignable to type 'Size'/,
    wrong: payment('resources: { memory: { limit: \'128m\' } }'),
    right: payment('resources: { memory: { limit: Size.mebibytes(128) } }'),
  },
  {
    id: 'M161',
    title: 'Setting on the wrong object',
    says: /'deploymentAnnotations' does not exist/,
    wrong: payment('deploymentAnnotations: { \'proxy-cpu\': \'100m\' }'),
    right: 'new Mesh(new Chart(app, \'bank\', { namespace: \'bank\' }), \'bank-mesh\', {\n'
      + '  trustDomain: \'bank.example\', proxy: { resources: { cpu: { request: kplus.Cpu.millis(100) } } },\n});',
  },
  {
    id: 'M163',
    title: 'Annotation value that is not a string',
    says: /'number' is not assignable to type 'string'/,
    wrong: 'new ApiObject(shop, \'config\', { apiVersion: \'v1\', kind: \'ConfigMap\', metadata: { annotations: { retries: 3 } } });',
    right: 'new ApiObject(shop, \'config\', { apiVersion: \'v1\', kind: \'ConfigMap\', metadata: { annotations: { retries: \'3\' } } });',
  },
  {
    id: 'M164',
    title: 'Injection switched by a deprecated annotation',
    says: /'inject' does not exist/,
    wrong: payment('inject: \'true\''),
    right: payment(),
  },
  {
    id: 'M169',
    title: 'Autoscaler counts the pods of two versions',
    says: /'selector' does not exist/,
    wrong: `${payment('selector: { app: \'payment\' }')}payment.addVersion('v2', { image: 'shop/payment:2.0.0' });`,
    right: TWO_VERSIONS,
  },
  {
    id: 'M182',
    title: 'Every proxy gets the whole mesh',
    says: /'discovery' does not exist/,
    wrong: 'new Mesh(new Chart(app, \'bank\', { namespace: \'bank\' }), \'bank-mesh\', { trustDomain: \'bank.example\', discovery: \'*\' });',
    right: `${payment()}order.calls(payment);`,
  },
  {
    id: 'M193',
    title: 'Drain longer than the grace period',
    says: /'drain' does not exist/,
    wrong: 'new Mesh(new Chart(app, \'bank\', { namespace: \'bank\' }), \'bank-mesh\', { trustDomain: \'bank.example\', proxy: { drain: Duration.seconds(310) } });',
    right: 'new Mesh(new Chart(app, \'bank\', { namespace: \'bank\' }), \'bank-mesh\', { trustDomain: \'bank.example\', proxy: {} });',
  },
];

export const TYPES: readonly Mistake[] = [...ROUTING, ...POLICIES, ...PORTS, ...SCHEMA, ...SECURITY_TYPES].map((one) => ({ ...one, verdict: 'type' }));
