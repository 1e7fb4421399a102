import { Chart, Duration, Testing } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { array, assert, constantFrom, dictionary, oneof, option, property, record } from 'fast-check';
import { parseOptions } from '../runtime/control-plane/options';
import { resolve } from '../runtime/control-plane/resolve';
import { readResources } from '../runtime/control-plane/resources';
import { httpRoute } from '../runtime/control-plane/resources/schema/http-route';
import { parseCommandLine } from '../runtime/proxy/bootstrap/command-line';
import { loadBootstrap } from '../runtime/proxy/bootstrap/load';
import {
  AccessLog, Bulkhead, CallRule, CircuitBreaker, Claim, ExternalService, GrpcRoute, GrpcRule, HashKey, HttpFilter, HttpMethod, HttpRoute, HttpRule,
  JwtAuthentication, LocalityPolicy, MeshService, OutlierDetection, Rate, RateLimit, Region, Retry, RetryOn, ServicePort, StringMatch, Timeout,
  TokenRequirement, Weighted,
} from '../src';
import { emitted, refusal, service, shopChart, shopMesh, warnings } from './program';

/** A program with everything in it. */
function program(): Chart {
  const chart = shopChart();
  const eu = Region.of('eu-west', { zones: ['eu-1'], geohashes: ['u'] });
  const us = Region.of('us-east', { zones: ['us-1'], geohashes: ['d'] });
  const mesh = shopMesh(chart, { regions: [eu, us], accessLog: AccessLog.stdout(5) });
  const payment = service(mesh, 'payment', {
    replicas: 5,
    regions: [eu, us],
    timeout: Timeout.total(Duration.seconds(2), { perTry: Duration.millis(300) }),
    retry: Retry.exponential({ attempts: 2, baseInterval: Duration.millis(100), on: [RetryOn.GATEWAY_ERROR] }),
    circuitBreaker: CircuitBreaker.consecutiveFailures(9, { cooldown: Duration.seconds(30) }),
    outlierDetection: OutlierDetection.consecutiveServerErrors(5, { baseEjectionDuration: Duration.seconds(30), maxEjectionPercent: 50 }),
    bulkhead: Bulkhead.of({ maxConnections: 100, maxPendingRequests: 10 }),
    rateLimits: [RateLimit.perReplica(Rate.perSecond(100), { burst: 10 })],
    locality: LocalityPolicy.preferLocal({ healthyPercent: 70, failover: [us, eu] }),
  });
  const v2 = payment.addVersion('v2', { image: 'shop/payment:2.0.0', replicas: 2 });
  const bank = new Chart(chart, 'bank', { namespace: 'bank' });
  const workload = new kplus.Deployment(bank, 'app', { containers: [{ image: 'bank/ledger:1', portNumber: 8080 }] });
  const ledger = MeshService.fromWorkload(bank, 'ledger', { mesh, port: ServicePort.http(8080), workload });
  const order = service(mesh, 'order', { replicas: 2 });
  for (const upstream of [payment, v2, ledger]) order.calls(upstream, { timeout: Timeout.total(Duration.seconds(3)) });
  order.calls(service(mesh, 'vault', {
    authentication: JwtAuthentication.jwks('https://login.example/realms/shop', 'https://login.example/keys', {
      audiences: ['vault', 'shop'], token: TokenRequirement.OPTIONAL, claimHeaders: { 'x-user': 'sub', 'x-roles': 'https://example.com/roles' }, forwardToken: true,
      pathsWithoutToken: [StringMatch.exact('/healthz'), StringMatch.prefix('/open')], keepKeysFor: Duration.seconds(0),
    }),
  }), { allow: [CallRule.http({ claims: [Claim.scope('read'), Claim.exactly('org.tenant', 'eu')] })] });
  const db = service(mesh, 'db', {
    port: ServicePort.tcp(5432), timeout: Timeout.connection({ connect: Duration.seconds(1) }), bulkhead: Bulkhead.connections(20),
  });
  order.calls(db, { localPort: 15432 });
  const cards = new ExternalService(chart, 'cards', {
    mesh,
    hostname: 'api.cards.example',
    port: ServicePort.http(443),
    timeout: Timeout.total(Duration.seconds(5), { connect: Duration.seconds(1), maxConnectionDuration: Duration.minutes(30) }),
    outlierDetection: OutlierDetection.consecutiveServerErrors(5, { baseEjectionDuration: Duration.seconds(30), maxEjectionPercent: 50 }),
  });
  order.calls(cards, { timeout: Timeout.total(Duration.seconds(3)) });
  const archive = new ExternalService(bank, 'archive', {
    mesh, hostname: 'archive.bank.example', port: ServicePort.tcp(6432), tls: false, endpoints: [{ address: '198.51.100.7' }, { address: '2001:db8::7', port: 6433 }],
  });
  order.calls(archive);
  const vault = new ExternalService(bank, 'vault', { mesh, hostname: 'vault.bank.example', port: ServicePort.http(8443) });
  const quotes = service(mesh, 'quotes', { port: ServicePort.grpc(9090) });
  order.calls(quotes);
  order.calls(service(mesh, 'feed', { port: ServicePort.http2(8080) }));
  order.calls(service(mesh, 'any', { port: ServicePort.detect(7000) }), { allow: [CallRule.http({ methods: [HttpMethod.GET] })] });
  new GrpcRoute(chart, 'calls', {
    service: quotes,
    rules: [
      GrpcRule.canary(quotes.addVersion('v2', { image: 'shop/quotes:2.0.0' }), 5, {
        matches: [{ service: StringMatch.exact('shop.v1.Quotes'), method: StringMatch.regex('Get.*'), headers: { 'X-Tier': StringMatch.prefix('go') } }],
        filters: [HttpFilter.responseHeaders({ remove: ['x-internal'] })],
        stickyBy: HashKey.header('x-user'),
      }),
      GrpcRule.forward(quotes),
    ],
  });
  new HttpRoute(chart, 'payments', {
    service: payment,
    rules: [
      HttpRule.redirect('/payments', 308, { name: 'moved', matches: [{ path: StringMatch.exact('/pay') }] }),
      HttpRule.forward(ledger, { name: 'ledger', matches: [{ path: StringMatch.prefix('/ledger') }], filters: [HttpFilter.rewritePrefix('/')] }),
      HttpRule.split([Weighted.of(payment, 3), Weighted.of(cards, 1), Weighted.of(vault, 1)], { name: 'trial', matches: [{ path: StringMatch.exact('/trial') }] }),
      HttpRule.canary(v2, 5, { name: 'canary', stickyBy: HashKey.header('x-user') }),
    ],
  });
  return chart;
}

function documents(chart: Chart): any[] {
  return [...Testing.synth(chart), ...chart.node.children.filter(Chart.isChart).flatMap((child) => Testing.synth(child as Chart))];
}

test('the control plane accepts every object of a synth, and resolves every reference in it', () => {
  let objects: any[] = [];
  expect(warnings(() => { objects = documents(program()); })).toBe('');
  const set = readResources({ documents: objects.map((value) => ({ value, location: `${value.kind}/${value.metadata.name}` })), unreadable: [] });
  expect(set.unreadable).toEqual([]);
  expect(set.rejected).toEqual([]);
  const verdicts = resolve(set).objects.map(({ id, accepted, resolvedRefs }) => [`${id.kind}/${id.name}`, accepted.messages, resolvedRefs.messages]);
  expect(verdicts).toEqual([
    ['ExternalService/archive', [], []],
    ['ExternalService/vault', [], []],
    ['ExternalService/cards', [], []],
    ['GRPCRoute/calls', [], []],
    ['HTTPRoute/payments', [], []],
    ['Mesh/mesh', [], []],
    ['MeshService/ledger', [], []],
    ['MeshService/any', [], []],
    ['MeshService/db', [], []],
    ['MeshService/feed', [], []],
    ['MeshService/order', [], []],
    ['MeshService/payment', [], []],
    ['MeshService/quotes', [], []],
    ['MeshService/vault', [], []],
  ]);
  expect(objects.find(({ kind }) => kind === 'ReferenceGrant')).toMatchObject({
    metadata: { name: 'payments.shop', namespace: 'bank' },
    spec: { from: [{ kind: 'HTTPRoute', namespace: 'shop' }], to: [{ kind: 'Service', name: 'ledger' }, { group: 'mesh.meshwright.dev', kind: 'ExternalService', name: 'vault' }] },
  });
});

test('the proxy accepts the arguments and the bootstrap of every sidecar', async () => {
  const sidecars = documents(program()).filter(({ kind }) => kind === 'Deployment')
    .flatMap(({ spec }) => spec.template.spec.initContainers ?? []) as { args: string[] }[];
  expect(sidecars).toHaveLength(10);
  for (const { args } of sidecars) {
    const commandLine = parseCommandLine(args.map((arg) => arg.replaceAll('$(POD_IP)', '10.0.0.7').replaceAll('$(POD_NAME)', 'pod')));
    const { node, ads } = await loadBootstrap(commandLine!);
    expect(node?.metadata).toMatchObject({ podIp: '10.0.0.7' });
    expect(ads).toBeDefined();
  }
});

test('the control plane takes its own arguments, but for the source', () => {
  const { args } = emitted(program(), 'Deployment', 'meshwright-control-plane').spec.template.spec.containers[0];
  expect(args.slice(0, 2)).toEqual(['--source', 'kubernetes']);
  expect(parseOptions(['--source', 'folder:/manifests', ...args.slice(2)])).toMatchObject({ adminAddress: { host: '0.0.0.0', port: 15014 } });
});

describe('routes', () => {
  /** Mostly right, now and then not: a route of several rules has to pass now and then. */
  const mostly = (right: readonly string[], wrong: readonly string[]) => oneof(
    { weight: 15, arbitrary: constantFrom(...right) }, { weight: 1, arbitrary: constantFrom(...wrong) },
  );
  const value = mostly(['a', 'b.c', '[ab]', 'x+', 'ä', '"', '\\d'], ['', '(', 'a\nb', 'a'.repeat(5000)]);
  const path = mostly(['/', '/a', '/a/b', '/a/', '/ä'], ['a', '/a//b', '/..', '/a?b', '/%2f', '/a#b', '/a b', '']);
  const headerName = mostly(['x-a', 'x-b', 'X-C'], ['x b', 'host', ':path', 'X-A', '']);
  const matcher = record({ kind: constantFrom('exact', 'prefix', 'regex'), value });
  const headers = dictionary(headerName, matcher, { maxKeys: 2 });
  const match = record({
    path: option(record({ kind: constantFrom('exact', 'prefix'), value: path }), { nil: undefined }),
    method: option(constantFrom(...Object.values(HttpMethod)), { nil: undefined }),
    headers,
    queryParams: dictionary(value, matcher, { maxKeys: 2 }),
  });
  const changes = record({
    set: dictionary(headerName, value, { maxKeys: 2 }),
    add: dictionary(mostly(['x-d'], ['x-a', 'X-B']), value, { maxKeys: 1 }),
    remove: array(mostly(['x-e', 'X-F'], ['x-a', 'Host']), { maxLength: 1 }),
  });
  const filter = record({ kind: constantFrom('requestHeaders', 'responseHeaders', 'rewritePrefix', 'rewritePath', 'rewriteHost'), changes, path });
  const rule = record({
    name: option(mostly(['a', 'b', 'c', 'd'], ['A b', '']), { nil: undefined }),
    matches: array(match, { maxLength: 2 }),
    filters: array(filter, { maxLength: 2 }),
    weights: array(mostly(['1', '2', '3', '0'], ['-1', '0.5', '2000000']).map(Number), { minLength: 1, maxLength: 2 }),
    redirect: option(record({
      location: mostly(['/x', 'https://a.example', 'http://a.example:99/x'], ['x', '//a', '/x?y', '']),
      status: mostly(['301', '302', '303', '307', '308'], ['200', '0']).map(Number),
    }), { nil: undefined, freq: 3 }),
  });

  function stringMatch({ kind, value: text }: { kind: string; value: string }): StringMatch {
    return kind === 'exact' ? StringMatch.exact(text) : kind === 'prefix' ? StringMatch.prefix(text) : StringMatch.regex(text);
  }

  function httpFilter({ kind, changes: headerChanges, path: text }: { kind: string; changes: object; path: string }): HttpFilter {
    switch (kind) {
      case 'requestHeaders': return HttpFilter.requestHeaders(headerChanges);
      case 'responseHeaders': return HttpFilter.responseHeaders(headerChanges);
      case 'rewritePrefix': return HttpFilter.rewritePrefix(text);
      case 'rewritePath': return HttpFilter.rewritePath(text);
      default: return HttpFilter.rewriteHost(text === '/' ? 'a.example' : text);
    }
  }

  test('what the SDK lets pass, the control plane accepts', () => {
    let passed = 0;
    assert(property(array(rule, { minLength: 1, maxLength: 2 }), (rules) => {
      const chart = shopChart();
      const payment = service(shopMesh(chart), 'payment');
      const backends = [payment, payment.addVersion('v2', { image: 'shop/payment:2' })];
      new HttpRoute(chart, 'payments', {
        service: payment,
        rules: rules.map(({ name, matches, filters, weights, redirect }) => {
          const options = {
            name,
            filters: filters.map(httpFilter),
            matches: matches.map((one) => ({
              path: one.path && stringMatch(one.path),
              method: one.method,
              headers: Object.fromEntries(Object.entries(one.headers).map(([header, item]) => [header, stringMatch(item)])),
              queryParams: Object.fromEntries(Object.entries(one.queryParams).map(([parameter, item]) => [parameter, stringMatch(item)])),
            })),
          };
          if (redirect) return HttpRule.redirect(redirect.location, redirect.status, options);
          return HttpRule.split(weights.map((weight, index) => Weighted.of(backends[index]!, weight)), options);
        }),
      });
      let refused = '';
      warnings(() => { refused = refusal(chart); });
      if (refused !== 'nothing') return;
      passed += 1;
      let route: unknown;
      warnings(() => { route = emitted(chart, 'HTTPRoute', 'payments'); });
      const { error } = httpRoute.safeParse(route);
      if (error) throw new Error(`${JSON.stringify(route)}: ${error.message}`);
    }), { numRuns: 400, seed: 7 });
    expect(passed).toBeGreaterThan(60);
  });
});
