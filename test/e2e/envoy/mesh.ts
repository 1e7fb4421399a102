import { App, Chart, Duration } from 'cdk8s';
import {
  Bulkhead, HashKey, HttpFilter, HttpMethod, HttpRoute, HttpRule, LoadBalancer, Mesh, MeshService, Rate, RateLimit, Retry, RetryOn, ServicePort,
  StringMatch, Timeout, Weighted, type MeshServiceProps,
} from 'meshwright';

export const NAMESPACE = 'diff';
export const PORT = 8080;

/** Where a version's endpoints listen: replica `n` of the k-th one at 127.76.k.n; `refused` has an endpoint that nobody listens at. */
export interface Version {
  readonly service: string;
  readonly replicas: number;
  readonly listening: boolean;
}

export const VERSIONS: readonly Version[] = [
  { service: 'shop', replicas: 1, listening: true },
  { service: 'shop-v2', replicas: 1, listening: true },
  { service: 'flaky', replicas: 3, listening: true },
  { service: 'posts', replicas: 2, listening: true },
  { service: 'slow', replicas: 1, listening: true },
  { service: 'narrow', replicas: 1, listening: true },
  { service: 'ring', replicas: 5, listening: true },
  { service: 'cookie', replicas: 5, listening: true },
  { service: 'plain', replicas: 1, listening: true },
  { service: 'empty', replicas: 0, listening: true },
  { service: 'refused', replicas: 1, listening: false },
  { service: 'hidden', replicas: 1, listening: true },
  { service: 'copies', replicas: 1, listening: true },
];

/** Requests that the client's own inbound proxy admits at once, and a minute. */
export const ADMITTED = 3;

/**
 * The mesh that both proxies are configured for: one caller, and a service for each policy whose effect can be compared. Our circuit breaker is
 * not in it, because Envoy has none.
 */
export function differentialMesh(outdir: string): App {
  const app = new App({ outdir });
  const chart = new Chart(app, NAMESPACE, { namespace: NAMESPACE, disableResourceNameHashes: true });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'diff.example' });
  const service = (id: string, props: Partial<MeshServiceProps> = {}) => new MeshService(chart, id, {
    mesh, image: `diff/${id}:1`, port: ServicePort.http(PORT), timeout: Timeout.total(Duration.seconds(10)), ...props,
  });

  const client = service('client', {
    rateLimits: [RateLimit.perReplica(Rate.perMinute(ADMITTED), { burst: ADMITTED - 1 })], timeout: Timeout.total(Duration.seconds(20)),
  });
  const shop = service('shop');
  const v2 = shop.addVersion('v2', { image: 'diff/shop:2' });
  const upstreams = [
    shop,
    service('flaky', {
      timeout: Timeout.total(Duration.seconds(5), { perTry: Duration.millis(250) }),
      retry: Retry.exponential({
        attempts: 2, baseInterval: Duration.millis(10), on: [RetryOn.GATEWAY_ERROR, RetryOn.CONNECT_FAILURE, RetryOn.RESET, RetryOn.PER_TRY_TIMEOUT],
      }),
    }),
    service('posts', {
      idempotentMethods: [HttpMethod.POST],
      retry: Retry.exponential({ attempts: 2, baseInterval: Duration.millis(10), on: [RetryOn.SERVER_ERROR], methods: [HttpMethod.POST] }),
    }),
    service('slow', { timeout: Timeout.total(Duration.millis(300)) }),
    service('narrow', { bulkhead: Bulkhead.of({ maxConnections: 1, maxPendingRequests: 1 }) }),
    service('ring', { loadBalancer: LoadBalancer.ringHash(HashKey.header('x-user')) }),
    service('cookie', { loadBalancer: LoadBalancer.ringHash(HashKey.cookie('session', { ttl: Duration.hours(1) })) }),
    service('plain', { replicas: 1, timeout: undefined }),
    service('empty'),
    service('refused'),
  ];
  service('hidden');
  // Nobody calls it: a route copies to it.
  const copies = service('copies');
  for (const upstream of upstreams) client.calls(upstream);

  const exact = StringMatch.exact;
  const prefix = StringMatch.prefix;
  const path = (value: string) => ({ path: prefix(value) });
  new HttpRoute(chart, 'matches', {
    service: shop,
    rules: [
      HttpRule.forward(v2, { name: 'exact', matches: [{ path: exact('/exact') }] }),
      HttpRule.forward(v2, { name: 'nested', matches: [{ path: prefix('/tree/deep') }] }),
      HttpRule.forward(shop, { name: 'tree', matches: [{ path: prefix('/tree') }] }),
      HttpRule.forward(v2, { name: 'regex', matches: [{ path: StringMatch.regex('/items/[0-9]+') }] }),
      HttpRule.forward(v2, { name: 'header', matches: [{ path: prefix('/by-header'), headers: { 'x-color': exact('blue') } }] }),
      HttpRule.forward(v2, { name: 'header-regex', matches: [{ path: prefix('/by-header'), headers: { 'x-color': StringMatch.regex('gr[ae]y') } }] }),
      HttpRule.forward(v2, { name: 'method', matches: [{ path: prefix('/by-method'), method: HttpMethod.DELETE }] }),
      HttpRule.forward(v2, { name: 'query', matches: [{ path: prefix('/by-query'), queryParams: { flavor: exact('sour') } }] }),
      HttpRule.forward(v2, {
        name: 'both', matches: [{ path: prefix('/by-two'), headers: { 'x-a': exact('1'), 'x-b': exact('2') } }],
      }),
      HttpRule.forward(shop, { name: 'one', matches: [{ path: prefix('/by-two'), headers: { 'x-a': exact('1') } }] }),
      HttpRule.forward(v2, { name: 'any', matches: [{ path: exact('/either') }, { path: exact('/or') }] }),
      HttpRule.forward(shop, { name: 'rest' }),
    ],
  });
  new HttpRoute(chart, 'changes', {
    service: shop,
    rules: [
      HttpRule.redirect('/moved', 301, { name: 'redirect-path', matches: [path('/redirect/path')] }),
      HttpRule.redirect('https://shop.example/elsewhere', 302, { name: 'redirect-url', matches: [path('/redirect/url')] }),
      HttpRule.redirect('https://shop.example', 308, { name: 'redirect-host', matches: [path('/redirect/host')] }),
      HttpRule.forward(shop, { name: 'rewrite-prefix', matches: [path('/old')], filters: [HttpFilter.rewritePrefix('/new')] }),
      HttpRule.forward(shop, { name: 'rewrite-root', matches: [path('/strip')], filters: [HttpFilter.rewritePrefix('/')] }),
      HttpRule.forward(shop, { name: 'rewrite-path', matches: [path('/whole')], filters: [HttpFilter.rewritePath('/one/place')] }),
      HttpRule.forward(shop, { name: 'rewrite-host', matches: [path('/host')], filters: [HttpFilter.rewriteHost('inner.example')] }),
      HttpRule.forward(shop, {
        name: 'request-headers',
        matches: [path('/request-headers')],
        filters: [HttpFilter.requestHeaders({ set: { 'x-set': 'new' }, add: { 'x-add': 'more' }, remove: ['x-remove'] })],
      }),
      HttpRule.forward(shop, {
        name: 'response-headers',
        matches: [path('/response-headers')],
        filters: [HttpFilter.responseHeaders({ set: { 'x-set': 'new' }, add: { 'x-add': 'more' }, remove: ['x-remove'] })],
      }),
      HttpRule.forward(shop, { name: 'timeout', matches: [path('/short')], timeout: Timeout.total(Duration.millis(200)) }),
      HttpRule.split([Weighted.of(shop, 70), Weighted.of(v2, 30)], { name: 'weights', matches: [path('/weights')] }),
      HttpRule.split([Weighted.of(shop, 50), Weighted.of(v2, 50)], { name: 'sticky', matches: [path('/sticky')], stickyBy: HashKey.header('x-user') }),
      HttpRule.canary(v2, 100, { name: 'all-canary', matches: [path('/canary/all')] }),
      HttpRule.canary(v2, 0, { name: 'no-canary', matches: [path('/canary/none')] }),
    ],
  });
  const mirrors = new HttpRoute(chart, 'mirrors', {
    service: shop,
    rules: [
      HttpRule.forward(shop, {
        name: 'mirror',
        matches: [path('/mirrored/all')],
        filters: [HttpFilter.mirror(copies, 100), HttpFilter.requestHeaders({ set: { 'x-set': 'new' }, add: {}, remove: ['x-remove'] })],
      }),
      HttpRule.forward(shop, { name: 'no-mirror', matches: [path('/mirrored/none')], filters: [HttpFilter.mirror(copies, 0)] }),
      HttpRule.forward(shop, { name: 'some-mirror', matches: [path('/mirrored/some')], filters: [HttpFilter.mirror(copies, 30)] }),
    ],
  });
  mirrors.acknowledge('MW164', 'copies have no effects');
  return app;
}
