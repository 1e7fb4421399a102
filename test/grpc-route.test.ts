import { Duration } from 'cdk8s';
import { GrpcRoute, GrpcRule, HashKey, HttpFilter, HttpMethod, Retry, RetryOn, ServicePort, StringMatch, Weighted } from '../src';
import { emitted, service, shopChart, shopMesh, yaml } from './program';

const methods = [HttpMethod.POST];

function routed(rules: (backends: Record<'payment' | 'v2', any>) => GrpcRule[]) {
  const chart = shopChart();
  const payment = service(shopMesh(chart), 'payment', { port: ServicePort.grpc(9090), idempotentMethods: methods });
  const v2 = payment.addVersion('v2', { image: 'shop/payment:2.0.0' });
  new GrpcRoute(chart, 'payments', { service: payment, rules: rules({ payment, v2 }) });
  return { route: yaml(emitted(chart, 'GRPCRoute', 'payments')), policies: yaml(emitted(chart, 'MeshService', 'payment').spec.rules ?? []) };
}

test('a GRPCRoute beside its service, nothing left to defaults of Gateway API', () => {
  const { route, policies } = routed(({ payment, v2 }) => [
    GrpcRule.canary(v2, 5, {
      name: 'authorize',
      matches: [{ service: StringMatch.exact('shop.v1.Payment'), method: StringMatch.exact('Authorize'), headers: { 'X-Tier': StringMatch.exact('gold') } }],
      filters: [HttpFilter.requestHeaders({ set: { 'x-canary': '1' } })],
      stickyBy: HashKey.header('x-user'),
      retry: Retry.exponential({ attempts: 1, baseInterval: Duration.millis(20), on: [RetryOn.CONNECT_FAILURE], methods }),
    }),
    GrpcRule.forward(v2, { matches: [{ service: StringMatch.regex('shop\\.v[12]\\.Refund') }, { service: StringMatch.exact('a.B'), method: StringMatch.regex('Get.*') }] }),
    GrpcRule.split([Weighted.of(payment, 1), Weighted.of(v2, 1)]),
  ]);
  expect(route).toMatchInlineSnapshot(`
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
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
      port: 9090
  rules:
    - backendRefs:
        - group: ""
          kind: Service
          name: payment
          port: 9090
          weight: 95
        - group: ""
          kind: Service
          name: payment-v2
          port: 9090
          weight: 5
      filters:
        - requestHeaderModifier:
            set:
              - name: x-canary
                value: "1"
          type: RequestHeaderModifier
      matches:
        - headers:
            - name: x-tier
              type: Exact
              value: gold
          method:
            method: Authorize
            service: shop.v1.Payment
            type: Exact
      name: authorize
    - backendRefs:
        - group: ""
          kind: Service
          name: payment-v2
          port: 9090
          weight: 1
      matches:
        - method:
            service: shop\\.v[12]\\.Refund
            type: RegularExpression
        - method:
            method: Get.*
            service: a\\.B
            type: RegularExpression
      name: rule-2
    - backendRefs:
        - group: ""
          kind: Service
          name: payment
          port: 9090
          weight: 1
        - group: ""
          kind: Service
          name: payment-v2
          port: 9090
          weight: 1
      name: rule-3
`);
  expect(policies).toMatchInlineSnapshot(`
- retry:
    attempts: 1
    backoff:
      baseInterval: 20ms
      jitterPercent: 0
      maxInterval: 200ms
    methods:
      - POST
    retryOn:
      - connect-failure
  rule: payments/authorize
  stickyBy:
    header: x-user
`);
});
