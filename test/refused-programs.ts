import { ApiObject, Chart, Duration, JsonPatch, Size } from 'cdk8s';
import {
  AccessLog, Bulkhead, CallRule, CircuitBreaker, Claim, Compression, Digest, ExponentialRetryOptions, ExternalService, ExternalServiceProps, Fault,
  Findings, GrpcMatch, GrpcRoute, GrpcRule, HashKey, HealthCheck, HttpFilter, HttpMatch, HttpMethod, HttpRoute, HttpRule, JwtAuthentication,
  LoadBalancer, LocalityPolicy, MeshProps, MeshServiceProps, OutlierDetection, OutsideTraffic, Rate, RateLimit, Region, Retry, RetryBudget, RetryOn,
  ServicePolicy, ServicePort, SizeLimits, StringMatch, Timeout, Weighted,
} from '../src';
import { service, shopMesh } from './program';

/** A program with one mistake. */
export interface RefusedProgram {
  readonly name: string;
  build(chart: Chart): void;
}

const second = Duration.seconds(1);
const on = [RetryOn.CONNECT_FAILURE];

/** A mistake in the properties of a service. */
function payment(name: string, props: Partial<MeshServiceProps>): RefusedProgram {
  return { name, build: (chart) => service(shopMesh(chart), 'payment', props) };
}

function retry(name: string, options: Partial<ExponentialRetryOptions>): RefusedProgram {
  return payment(name, { retry: Retry.exponential({ attempts: 1, on, baseInterval: Duration.millis(10), ...options }) });
}

/** A mistake in the properties of a mesh. */
function mesh(name: string, props: Partial<MeshProps>): RefusedProgram {
  return { name, build: (chart) => shopMesh(chart, props) };
}

/** A mistake in the properties of what is outside of the mesh. */
function cards(name: string, props: Partial<ExternalServiceProps>): RefusedProgram {
  return {
    name,
    build: (chart) => {
      const owner = shopMesh(chart);
      service(owner, 'payment').calls(new ExternalService(chart, 'cards', { mesh: owner, hostname: 'api.cards.example', port: ServicePort.http(443), ...props }));
    },
  };
}

/** A mistake in a route of `payment`, which has a version `v2`. */
function route(name: string, rules: (backends: Record<'payment' | 'v2' | 'refund', any>) => HttpRule[]): RefusedProgram {
  return {
    name,
    build: (chart) => {
      const owner = shopMesh(chart);
      const parent = service(owner, 'payment');
      const v2 = parent.addVersion('v2', { image: 'shop/payment:2.0.0' });
      new HttpRoute(chart, 'payments', { service: parent, rules: rules({ payment: parent, v2, refund: service(owner, 'refund') }) });
    },
  };
}

function match(name: string, matched: HttpMatch): RefusedProgram {
  return route(name, (backends) => [HttpRule.forward(backends.payment, { matches: [matched] })]);
}

/** A mistake in a rule of a GrpcRoute of `payment`. */
function call(name: string, matched: GrpcMatch, filters: HttpFilter[] = []): RefusedProgram {
  return {
    name,
    build: (chart) => {
      const parent = service(shopMesh(chart), 'payment', { port: ServicePort.grpc(9090) });
      new GrpcRoute(chart, 'payments', { service: parent, rules: [GrpcRule.forward(parent, { matches: [matched], filters })] });
    },
  };
}

function tokens(name: string, authentication: JwtAuthentication): RefusedProgram {
  return payment(name, { authentication });
}

/** A policy that asks for requests, of a service of bytes. */
function bytes(name: string, props: Partial<MeshServiceProps>): RefusedProgram {
  return payment(`bytes: ${name}`, { port: ServicePort.tcp(5432), ...props });
}

/** A call with rules that are none. */
function allow(name: string, ...rules: CallRule[]): RefusedProgram {
  return {
    name,
    build: (chart) => {
      const owner = shopMesh(chart);
      service(owner, 'order').calls(service(owner, 'payment'), { allow: rules });
    },
  };
}

function filter(name: string, ...filters: HttpFilter[]): RefusedProgram {
  return route(name, (backends) => [HttpRule.forward(backends.payment, { filters })]);
}

export const REFUSED_PROGRAMS: readonly RefusedProgram[] = [
  mesh('a trust domain in capitals', { trustDomain: 'Shop.Example' }),
  mesh('a mesh with a name that Kubernetes refuses', { name: 'My_Mesh' }),
  mesh('a part above the whole', { accessLog: AccessLog.stdout(101) }),
  mesh('a region twice', { regions: [Region.of('eu'), Region.of('eu')] }),
  mesh('a geohash with a letter that geohashes do not have', { regions: [Region.of('eu', { geohashes: ['ua'] })] }),
  mesh('no control plane', { controlPlane: { replicas: 0 } }),
  mesh('half a thread', { proxy: { concurrency: 1.5 } }),

  payment('a name that is no DNS label', { name: 'Payment.Service' }),
  payment('a port that there is not', { port: ServicePort.http(70_000) }),
  payment('no image', { image: ' ' }),
  payment('half a pod', { replicas: 1.5 }),
  payment('a budget that blocks every drain', { maxUnavailable: 0 }),
  payment('root', { security: { runAsUser: 0 } }),
  payment('a service that begins with a digit', { name: '1st' }),
  payment('a variable that is none', { env: { 'LOG LEVEL': 'info' } }),
  payment('a readiness path without a slash', { readinessPath: 'ready' }),

  tokens('an issuer that is no URL', JwtAuthentication.oidc('login.example', { audiences: ['payment'] })),
  tokens('an issuer with a password', JwtAuthentication.oidc('https://user:secret@login.example', { audiences: ['payment'] })),
  tokens('keys at no URL', JwtAuthentication.jwks('https://login.example', '/jwks', { audiences: ['payment'] })),
  tokens('tokens for nobody', JwtAuthentication.oidc('https://login.example', { audiences: [] })),
  tokens('a header that the proxy makes', JwtAuthentication.oidc('https://login.example', { audiences: ['payment'], claimHeaders: { authorization: 'sub' } })),
  tokens('a header without a claim', JwtAuthentication.oidc('https://login.example', { audiences: ['payment'], claimHeaders: { 'x-user': '' } })),
  tokens('open paths by a regular expression', JwtAuthentication.oidc('https://login.example', { audiences: ['payment'], pathsWithoutToken: [StringMatch.regex('/.*')] })),
  tokens('an open path with a way up', JwtAuthentication.oidc('https://login.example', { audiences: ['payment'], pathsWithoutToken: [StringMatch.prefix('a')] })),
  tokens('keys that are never fetched', JwtAuthentication.oidc('https://login.example', { audiences: ['payment'], refreshKeysAfter: Duration.hours(25) })),
  tokens('keys that are kept for ever', JwtAuthentication.oidc('https://login.example', { audiences: ['payment'], keepKeysFor: Duration.days(8) })),
  tokens('clocks that do not differ', JwtAuthentication.oidc('https://login.example', { audiences: ['payment'], clockSkew: Duration.seconds(0) })),
  tokens('an authority that is none', JwtAuthentication.oidc('https://login.example', { audiences: ['payment'], caCertificates: 'ca.pem' })),
  tokens('an issuer twice', JwtAuthentication.anyOf(
    JwtAuthentication.oidc('https://login.example', { audiences: ['payment'] }), JwtAuthentication.oidc('https://login.example', { audiences: ['other'] }),
  )),
  tokens('a second issuer that is no URL', JwtAuthentication.anyOf(
    JwtAuthentication.oidc('https://login.example', { audiences: ['payment'] }),
    JwtAuthentication.oidc('staff.example', { audiences: ['payment'], keepKeysFor: Duration.days(8) }),
  )),
  bytes('a token of bytes', { authentication: JwtAuthentication.oidc('https://login.example', { audiences: ['payment'] }) }),
  payment('limits without a limit', { sizeLimits: SizeLimits.of({}) }),
  payment('no body at all', { sizeLimits: SizeLimits.of({ requestBody: Size.kibibytes(0) }) }),
  payment('messages of gRPC over HTTP/1.1', { sizeLimits: SizeLimits.of({ grpcMessage: Size.mebibytes(4) }) }),
  payment('the body of a call', { port: ServicePort.grpc(9090), sizeLimits: SizeLimits.of({ requestBody: Size.mebibytes(4) }) }),
  payment('a fault of no status', { faults: [Fault.abort(600, 10)] }),
  payment('a fault of an interim status', { faults: [Fault.abort(100, 10)] }),
  payment('more than all requests', { faults: [Fault.abort(503, 101)] }),
  payment('a part of a percent', { faults: [Fault.delay(Duration.millis(5), 0.5)] }),
  payment('a delay of no time', { faults: [Fault.delay(Duration.millis(0), 10)] }),
  bytes('a fault of requests', { faults: [Fault.abort(503, 10)] }),
  bytes('answers compressed', { compression: Compression.gzip(100) }),
  bytes('digests of bodies', { digest: Digest.sha256() }),
  bytes('the body of a request', { sizeLimits: SizeLimits.of({ requestBody: Size.mebibytes(4) }) }),
  payment('a health check of no path', { healthCheck: HealthCheck.http('healthz') }),
  payment('a health check by gRPC over HTTP/1.1', { healthCheck: HealthCheck.grpc('') }),
  payment('a health check that never fails', { healthCheck: HealthCheck.tcp({ unhealthyThreshold: 0 }) }),
  payment('a health check of a service with a space', { port: ServicePort.grpc(9090), healthCheck: HealthCheck.grpc('shop Quotes') }),
  bytes('a health check by a request', { healthCheck: HealthCheck.http('/healthz') }),
  payment('a timeout of less than a millisecond', { timeout: Timeout.total(Duration.millis(0.5)) }),
  payment('a timeout of no time', { timeout: Timeout.total(Duration.millis(0)) }),
  payment('a timeout of two days', { timeout: Timeout.perTry(Duration.days(2)) }),
  payment('a try longer than the call', { timeout: Timeout.total(second, { perTry: Duration.seconds(2) }) }),
  retry('no attempts', { attempts: 0 }),
  retry('eleven attempts', { attempts: 11 }),
  retry('no reason to retry', { on: [] }),
  retry('a reason twice', { on: [RetryOn.RESET, RetryOn.RESET] }),
  retry('no method to retry', { methods: [] }),
  retry('a wait longer than the longest', { baseInterval: second, maxInterval: Duration.millis(10) }),
  retry('jitter as a fraction', { jitterPercent: 0.25 }),
  retry('a budget of more than all', { budget: RetryBudget.of(120, 10) }),
  payment('a breaker that never closes', { circuitBreaker: CircuitBreaker.consecutiveFailures(0, { cooldown: second }) }),
  payment('a failure rate as a fraction', {
    circuitBreaker: CircuitBreaker.failureRate(0.5, { cooldown: second, window: second, minRequests: 10 }),
  }),
  payment('nobody may be ejected', {
    outlierDetection: OutlierDetection.consecutiveServerErrors(5, { baseEjectionDuration: second, maxEjectionPercent: 0 }),
  }),
  payment('no connection', { bulkhead: Bulkhead.of({ maxConnections: 0, maxPendingRequests: 10 }) }),
  payment('a rate below one', { rateLimits: [RateLimit.perReplica(Rate.perSecond(0.5))] }),
  payment('two limits of one name', { rateLimits: [RateLimit.perReplica(Rate.perSecond(5)), RateLimit.perReplica(Rate.perSecond(5), { burst: 5 })] }),
  payment('one choice of one', { loadBalancer: LoadBalancer.leastRequest(1) }),
  payment('a small ring', { loadBalancer: LoadBalancer.ringHash(HashKey.sourceIp(), { minRingSize: 100 }) }),
  payment('a header with a space', { loadBalancer: LoadBalancer.ringHash(HashKey.header('x user')) }),
  payment('healthy above all', { locality: LocalityPolicy.preferLocal({ healthyPercent: 140 }) }),

  bytes('a timeout of requests', { timeout: Timeout.total(second, { connect: second }) }),
  bytes('retries', { retry: Retry.exponential({ attempts: 1, on, baseInterval: second }) }),
  bytes('a rate limit', { rateLimits: [RateLimit.perReplica(Rate.perSecond(5))] }),
  bytes('requests that wait', { bulkhead: Bulkhead.of({ maxConnections: 1, maxPendingRequests: 1 }) }),
  bytes('a hash of a header', { loadBalancer: LoadBalancer.ringHash(HashKey.header('x-user')) }),
  bytes('a geohash', { locality: LocalityPolicy.geohash('x-geohash', { healthyPercent: 70 }) }),
  bytes('a readiness path', { readinessPath: '/ready' }),
  payment('an idle timeout of requests', { timeout: Timeout.connection({ idle: second }) }),
  payment('a connection without any age', { timeout: Timeout.connection({ maxDuration: Duration.millis(0) }) }),
  payment('a connection in no time', { timeout: Timeout.connection({ connect: Duration.millis(0) }) }),
  payment('a readiness path of gRPC', { port: ServicePort.grpc(9090), readinessPath: '/ready' }),
  {
    name: 'bounds of connections where only requests are bounded, and a local port that there is not',
    build: (chart) => {
      const owner = shopMesh(chart);
      service(owner, 'order').calls(service(owner, 'payment'), { timeout: Timeout.total(second, { connect: second }) });
      service(owner, 'stock').calls(service(owner, 'db', { port: ServicePort.tcp(5432) }), { localPort: 0 });
    },
  },

  call('a gRPC service with a slash', { service: StringMatch.exact('shop.v1.Payment/Get') }),
  call('a gRPC method by prefix, in a name that is none', { method: StringMatch.prefix('Get'), headers: { ':path': StringMatch.exact('x') } }),
  call('a filter that calls do not have', { method: StringMatch.exact('Get') }, [HttpFilter.rewritePath('/x')]),

  {
    name: 'two policies that set one field',
    build: (chart) => service(shopMesh(chart, { policies: [ServicePolicy.of('gold', { timeout: Timeout.total(second) })] }), 'payment', {
      policies: [ServicePolicy.of('silver', { timeout: Timeout.total(second), bulkhead: Bulkhead.of({ maxConnections: 1, maxPendingRequests: 1 }) })],
      bulkhead: Bulkhead.of({ maxConnections: 2, maxPendingRequests: 2 }),
    }),
  },
  {
    name: 'a call twice, and at a rate below zero',
    build: (chart) => {
      const owner = shopMesh(chart);
      const order = service(owner, 'order');
      const upstream = service(owner, 'payment');
      order.calls(upstream, { requestsPerSecond: -1 });
      order.calls(upstream);
    },
  },
  {
    name: 'a call that may take no time',
    build: (chart) => {
      const owner = shopMesh(chart);
      service(owner, 'order').calls(service(owner, 'payment'), { timeout: Timeout.total(Duration.millis(0)) });
    },
  },
  allow('a call that allows nothing'),
  allow('a rule by a regular expression', CallRule.http({ path: StringMatch.regex('/.*') })),
  allow('a rule for a path with an empty segment', CallRule.http({ path: StringMatch.exact('/a//b') })),
  allow('a rule for a path with a query', CallRule.http({ path: StringMatch.prefix('/a?b=c') })),
  allow('a rule for a method twice', CallRule.http({ methods: [HttpMethod.GET, HttpMethod.GET] })),
  allow('a rule for a service of gRPC with a slash', CallRule.grpc('shop.v1.Payment/Authorize')),
  allow('a rule for no claims', CallRule.http({ claims: [] })),
  allow('a rule for a scope as a whole', CallRule.http({ claims: [Claim.exactly('scope', 'write')] })),
  allow('a rule for a claim without a name', CallRule.grpc('shop.v1.Payment', undefined, [Claim.contains('', 'x')])),
  allow('a rule for a claim that is empty', CallRule.http({ claims: [Claim.exactly('tier', '')] })),
  allow('a rule for no method of gRPC', CallRule.grpc('shop.v1.Payment', [])),
  { name: 'a version that is no DNS label', build: (chart) => service(shopMesh(chart), 'payment').addVersion('V2', { image: 'shop/payment:2' }) },
  { name: 'a version with the name of the first', build: (chart) => service(shopMesh(chart), 'payment').addVersion('base', { image: 'shop/payment:2' }) },
  { name: 'a version without an image', build: (chart) => service(shopMesh(chart), 'payment').addVersion('v2', { image: '' }) },
  {
    name: 'a patch of a member that this version does not have',
    build: (chart) => ApiObject.of(service(shopMesh(chart), 'payment')).addJsonPatch(JsonPatch.add('/spec/tracing', { percent: 5 })),
  },
  {
    name: 'a patch to what the contract refuses',
    build: (chart) => ApiObject.of(service(shopMesh(chart), 'payment')).addJsonPatch(JsonPatch.replace('/spec/loadBalancer', { random: {} })),
  },
  { name: 'an acknowledgement without a reason', build: (chart) => service(shopMesh(chart), 'payment').acknowledge('MW107', ' ') },
  {
    name: 'an error that is acknowledged',
    build: (chart) => {
      Findings.of(chart).acknowledge('MW001', 'we like it so');
      service(shopMesh(chart), 'payment', { replicas: -1 });
    },
  },

  route('no rule', () => []),
  route('two rules of one name', ({ payment: base }) => [HttpRule.forward(base, { name: 'a' }), HttpRule.forward(base, { name: 'a' })]),
  route('a split of nothing', () => [HttpRule.split([])]),
  route('weights of zero', ({ payment: base, v2 }) => [HttpRule.split([Weighted.of(base, 0), Weighted.of(v2, 0)])]),
  route('a canary of more than all', ({ v2 }) => [HttpRule.canary(v2, 120)]),
  route('a canary as a fraction', ({ v2 }) => [HttpRule.canary(v2, 0.5)]),
  route('a backend twice', ({ payment: base }) => [HttpRule.split([Weighted.of(base, 1), Weighted.of(base, 1)])]),
  route('a redirect with status 200', () => [HttpRule.redirect('/new', 200)]),
  route('a redirect to a query', () => [HttpRule.redirect('/new?a=1', 308)]),
  route('a redirect that is tried again', () => [HttpRule.redirect('/new', 308, { timeout: Timeout.total(second) })]),
  route('a rule with a timeout of no time', ({ payment: base }) => [HttpRule.forward(base, { timeout: Timeout.total(Duration.millis(0)) })]),
  route('a rule with too many attempts', ({ payment: base }) => [
    HttpRule.forward(base, { name: 'pay', retry: Retry.constant(second, { attempts: 99, on }) }),
  ]),
  match('a path without a slash', { path: StringMatch.prefix('pay') }),
  match('a path with a query', { path: StringMatch.exact('/pay?x=1') }),
  match('a header that is none', { headers: { 'x user': StringMatch.exact('a') } }),
  match('a header that is a method', { headers: { ':method': StringMatch.exact('GET') } }),
  match('an empty match', { method: HttpMethod.GET, queryParams: { user: StringMatch.exact('') } }),
  filter('a prefix rewritten where none is matched', HttpFilter.rewritePrefix('/new')),
  filter('a rewrite to a relative path', HttpFilter.rewritePath('new')),
  filter('two filters of one kind', HttpFilter.requestHeaders({ remove: ['a'] }), HttpFilter.requestHeaders({ remove: ['b'] })),
  filter('one header set and removed', HttpFilter.requestHeaders({ set: { 'X-A': '1' }, remove: ['x-a'] })),
  filter('a header value of two lines', HttpFilter.responseHeaders({ set: { 'x-a': '1\r\nset-cookie: a=b' } })),
  filter('the host as a header', HttpFilter.requestHeaders({ set: { host: 'a' } })),
  filter('a header value of nothing', HttpFilter.requestHeaders({ add: { 'x-a': '' } })),
  match('one header in two cases', { headers: { 'X-A': StringMatch.exact('1'), 'x-a': StringMatch.exact('2') } }),
  match('seventeen headers', { headers: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`x-${index}`, StringMatch.exact('1')])) }),
  cards('a host of one label', { hostname: 'cards' }),
  cards('a host with a wildcard, of which the DNS knows no address', { hostname: '*.cards.example' }),
  cards('a host with a scheme', { hostname: 'https://api.cards.example' }),
  cards('a host outside at no port', { port: ServicePort.http(0) }),
  cards('an endpoint that is a name', { endpoints: [{ address: 'api.cards.example' }] }),
  cards('no endpoint', { endpoints: [] }),
  cards('authorities that are no certificates', { caCertificates: '/etc/ssl/ca.crt' }),
  cards('authorities without TLS', { tls: false, caCertificates: '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n' }),
  cards('a port outside that nobody declares', { port: ServicePort.detect(5432) }),
  payment('retries where it is detected what is spoken', { port: ServicePort.detect(7000), retry: Retry.constant(second, { attempts: 1, on }) }),
  cards('retries of bytes outside', { port: ServicePort.tcp(5432), retry: Retry.constant(second, { attempts: 1, on }) }),
  cards('a name outside that is no label', { name: 'Cards' }),
  payment('a pattern of hosts that is none', { outsideTraffic: OutsideTraffic.allow({ hosts: ['api.*.example'] }) }),
  payment('a network without a length', { outsideTraffic: OutsideTraffic.allow({ networks: ['203.0.113.0'] }) }),
  mesh('a host allowed twice', { outsideTraffic: OutsideTraffic.allow({ hosts: ['a.example', 'a.example'] }) }),
  match('a value of a novel', { headers: { 'x-a': StringMatch.exact('a'.repeat(5000)) } }),
];
