import { Duration } from 'cdk8s';
import {
  HashKey, HttpFilter, HttpMethod, HttpRoute, HttpRule, Retry, RetryOn, StringMatch, Timeout, Weighted,
} from '../src';
import { emitted, service, shopChart, shopMesh, yaml } from './program';

/** The rules of a route of `payment`, and what the MeshService says of them. */
function routed(rules: (backends: Record<'payment' | 'v2' | 'refund', any>) => HttpRule[]) {
  const chart = shopChart();
  const mesh = shopMesh(chart);
  const payment = service(mesh, 'payment');
  const v2 = payment.addVersion('v2', { image: 'shop/payment:2.0.0' });
  new HttpRoute(chart, 'payments', { service: payment, rules: rules({ payment, v2, refund: service(mesh, 'refund') }) });
  return { rules: yaml(emitted(chart, 'HTTPRoute', 'payments').spec.rules), policies: yaml(emitted(chart, 'MeshService', 'payment').spec.rules ?? []) };
}

test('the parent of a route is the Kubernetes Service (GAMMA)', () => {
  const chart = shopChart();
  const payment = service(shopMesh(chart), 'payment');
  new HttpRoute(chart, 'route', { service: payment, name: 'payments', rules: [HttpRule.forward(payment)] });
  expect(yaml(emitted(chart, 'HTTPRoute', 'payments'))).toMatchInlineSnapshot(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  labels:
    app.kubernetes.io/managed-by: meshwright
    app.kubernetes.io/name: payment
    mesh.meshwright.dev/mesh: mesh
    mesh.meshwright.dev/service: payment
  name: payments
  namespace: shop
spec:
  parentRefs:
    - group: ""
      kind: Service
      name: payment
      port: 8080
  rules:
    - backendRefs:
        - group: ""
          kind: Service
          name: payment
          port: 8080
          weight: 1
      matches:
        - path:
            type: PathPrefix
            value: /
      name: rule-1
`);
});

test('canary: the rest goes to the base version, keys stick', () => {
  const { rules, policies } = routed(({ v2 }) => [HttpRule.canary(v2, 5, { name: 'canary', stickyBy: HashKey.header('X-User') })]);
  expect(rules).toMatchInlineSnapshot(`
- backendRefs:
    - group: ""
      kind: Service
      name: payment
      port: 8080
      weight: 95
    - group: ""
      kind: Service
      name: payment-v2
      port: 8080
      weight: 5
  matches:
    - path:
        type: PathPrefix
        value: /
  name: canary
`);
  expect(policies).toMatchInlineSnapshot(`
- rule: payments/canary
  stickyBy:
    header: x-user
`);
});

test('split by weight over services and versions', () => {
  expect(routed(({ payment, v2, refund }) => [HttpRule.split([Weighted.of(payment, 7), Weighted.of(v2, 2), Weighted.of(refund, 1)])]).rules).toMatchInlineSnapshot(`
- backendRefs:
    - group: ""
      kind: Service
      name: payment
      port: 8080
      weight: 7
    - group: ""
      kind: Service
      name: payment-v2
      port: 8080
      weight: 2
    - group: ""
      kind: Service
      name: refund
      port: 8080
      weight: 1
  matches:
    - path:
        type: PathPrefix
        value: /
  name: rule-1
`);
});

test('matches by path, method, headers and query', () => {
  expect(routed(({ v2, refund }) => [
    HttpRule.forward(refund, {
      name: 'refunds',
      matches: [
        { path: StringMatch.prefix('/refunds'), method: HttpMethod.POST },
        { path: StringMatch.exact('/refund') },
        { path: StringMatch.regex('/v[0-9]+/refund') },
      ],
    }),
    HttpRule.forward(v2, {
      matches: [{
        headers: { 'X-Canary': StringMatch.exact('always'), 'user-agent': StringMatch.prefix('curl/8.'), 'x-shard': StringMatch.regex('[ab]') },
        queryParams: { version: StringMatch.exact('2') },
      }],
    }),
  ]).rules).toMatchInlineSnapshot(`
- backendRefs:
    - group: ""
      kind: Service
      name: refund
      port: 8080
      weight: 1
  matches:
    - method: POST
      path:
        type: PathPrefix
        value: /refunds
    - path:
        type: Exact
        value: /refund
    - path:
        type: RegularExpression
        value: /v[0-9]+/refund
  name: refunds
- backendRefs:
    - group: ""
      kind: Service
      name: payment-v2
      port: 8080
      weight: 1
  matches:
    - headers:
        - name: x-canary
          type: Exact
          value: always
        - name: user-agent
          type: RegularExpression
          value: curl/8\\..*
        - name: x-shard
          type: RegularExpression
          value: "[ab]"
      path:
        type: PathPrefix
        value: /
      queryParams:
        - name: version
          type: Exact
          value: "2"
  name: rule-2
`);
});

test('filters: headers, and one rewrite of path and host', () => {
  expect(routed(({ payment }) => [
    HttpRule.forward(payment, {
      matches: [{ path: StringMatch.prefix('/old') }],
      filters: [
        HttpFilter.requestHeaders({ set: { 'x-via': 'mesh' }, add: { 'x-tag': 'a' }, remove: ['x-debug'] }),
        HttpFilter.responseHeaders({ remove: ['server'] }),
        HttpFilter.rewritePrefix('/new'),
        HttpFilter.rewriteHost('payment.example'),
      ],
    }),
    HttpRule.forward(payment, { filters: [HttpFilter.rewritePath('/all')] }),
  ]).rules).toMatchInlineSnapshot(`
- backendRefs:
    - group: ""
      kind: Service
      name: payment
      port: 8080
      weight: 1
  filters:
    - requestHeaderModifier:
        add:
          - name: x-tag
            value: a
        remove:
          - x-debug
        set:
          - name: x-via
            value: mesh
      type: RequestHeaderModifier
    - responseHeaderModifier:
        remove:
          - server
      type: ResponseHeaderModifier
    - type: URLRewrite
      urlRewrite:
        hostname: payment.example
        path:
          replacePrefixMatch: /new
          type: ReplacePrefixMatch
  matches:
    - path:
        type: PathPrefix
        value: /old
  name: rule-1
- backendRefs:
    - group: ""
      kind: Service
      name: payment
      port: 8080
      weight: 1
  filters:
    - type: URLRewrite
      urlRewrite:
        path:
          replaceFullPath: /all
          type: ReplaceFullPath
  matches:
    - path:
        type: PathPrefix
        value: /
  name: rule-2
`);
});

test('redirects by path and by URL', () => {
  expect(routed(() => [
    HttpRule.redirect('/new', 308, { matches: [{ path: StringMatch.exact('/old') }] }),
    HttpRule.redirect('https://shop.example:8443/pay', 302),
  ]).rules).toMatchInlineSnapshot(`
- filters:
    - requestRedirect:
        path:
          replaceFullPath: /new
          type: ReplaceFullPath
        statusCode: 308
      type: RequestRedirect
  matches:
    - path:
        type: Exact
        value: /old
  name: rule-1
- filters:
    - requestRedirect:
        hostname: shop.example
        path:
          replaceFullPath: /pay
          type: ReplaceFullPath
        port: 8443
        scheme: https
        statusCode: 302
      type: RequestRedirect
  matches:
    - path:
        type: PathPrefix
        value: /
  name: rule-2
`);
});

test('timeout and retry of a rule', () => {
  const { rules, policies } = routed(({ payment }) => [
    HttpRule.forward(payment, {
      name: 'slow',
      timeout: Timeout.total(Duration.seconds(5), { perTry: Duration.seconds(1) }),
      retry: Retry.constant(Duration.millis(10), { attempts: 1, on: [RetryOn.RESET] }),
    }),
  ]);
  expect(rules).toMatchInlineSnapshot(`
- backendRefs:
    - group: ""
      kind: Service
      name: payment
      port: 8080
      weight: 1
  matches:
    - path:
        type: PathPrefix
        value: /
  name: slow
  timeouts:
    backendRequest: 1s
    request: 5s
`);
  expect(policies).toMatchInlineSnapshot(`
- retry:
    attempts: 1
    backoff:
      baseInterval: 10ms
      jitterPercent: 0
      maxInterval: 10ms
    methods:
      - GET
      - HEAD
      - OPTIONS
      - TRACE
      - PUT
      - DELETE
    retryOn:
      - reset
  rule: payments/slow
`);
});
