import { exact, graph, grpcRoute, header, match, meshNode, prefix, regex, retry, rule, route, service } from '../builders';
import type { Case } from './case';

const payment = service('payment', { versions: { v2: {} } });
const toV1 = { payment: {} };
const toV2 = { payment: { version: 'v2' } };
const one = (...rules: readonly ReturnType<typeof rule>[]) => graph(payment, route('payment-route', 'payment', ...rules));
const two = (first: ReturnType<typeof rule>, second: ReturnType<typeof rule>) => (
  graph(payment, route('a-route', 'payment', first), route('b-route', 'payment', second))
);

const quotes = service('quotes', { spec: { port: { number: 8080, protocol: 'grpc' } } });
const call = (characters: number, method: number, fields: Partial<ReturnType<typeof match>> = {}) => (
  match({ ...fields, grpc: { service: characters, method } })
);

const tokens = ({ issuer = 'https://login.example', ...where }: { issuer?: string; jwksUri?: string; discovery?: object }) => ({
  jwt: {
    providers: [{
      issuer, audiences: ['payment'], clockSkew: '1m', forwardToken: false, keys: { refreshAfter: '10m', keepFor: '24h' },
      ...where.discovery === undefined ? { jwksUri: where.jwksUri ?? 'https://login.example/jwks' } : { discovery: {} },
    }],
    token: 'required' as const,
  },
});
const claiming = (upstream: string) => service('order', {
  calls: [upstream], spec: { calls: [{ service: upstream, namespace: 'shop', allow: [{ http: { claims: [{ name: 'scope', contains: 'write' }] } }] }] },
});
const allowing = (upstream: string) => service('order', {
  calls: [upstream], spec: { calls: [{ service: upstream, namespace: 'shop', allow: [{ http: { methods: ['GET'] } }] }] },
});

export const ROUTES: readonly Case[] = [
  {
    code: 'MW109',
    name: 'the same match a second time',
    path: 'shop/payment-route',
    fires: one(rule('old', [match(prefix('/pay'))], toV1), rule('new', [match(prefix('/pay/'))], toV2)),
    silent: one(rule('old', [match(prefix('/pay'))], toV1), rule('new', [match(prefix('/pay/v2'))], toV2)),
  },
  {
    code: 'MW109',
    name: 'two rules for everything',
    path: 'shop/payment-route',
    fires: one(rule('all', [], toV1), rule('rest', [], toV2)),
    // Written first, the catch-all takes only what the more specific rule leaves: Gateway API sorts by how much a match asks for.
    silent: one(rule('all', [], toV1), rule('canary', [match(header('x-canary', '1'))], toV2)),
  },
  {
    code: 'MW109',
    name: 'one match of several',
    path: 'shop/payment-route',
    fires: one(rule('old', [match(exact('/a')), match(exact('/b'))], toV1), rule('new', [match(exact('/b')), match(exact('/c'))], toV2)),
    silent: one(rule('old', [match(exact('/a')), match(exact('/b'))], toV1), rule('new', [match(exact('/c'))], toV2)),
  },
  {
    code: 'MW109',
    name: 'a header whose values an expression before it takes',
    path: 'shop/payment-route',
    fires: one(rule('any', [match(header('x-tier', 'gold|silver', 'RegularExpression'))], toV1), rule('gold', [match(header('x-tier', 'gold'))], toV2)),
    silent: one(rule('gold', [match(header('x-tier', 'gold'))], toV2), rule('any', [match(header('x-tier', 'gold|silver', 'RegularExpression'))], toV1)),
  },
  {
    code: 'MW109',
    name: 'a prefix behind an expression for every path',
    path: 'shop/payment-route',
    fires: one(rule('every', [match(regex('/.*'))], toV1), rule('pay', [match(prefix('/pay'))], toV2)),
    silent: one(rule('every', [match(regex('/v[0-9]+/.*'))], toV1), rule('pay', [match(prefix('/pay'))], toV2)),
  },
  {
    code: 'MW110',
    name: 'the same match in two routes',
    path: 'shop/b-route',
    fires: two(rule('all', [], toV1), rule('canary', [], toV2)),
    silent: two(rule('all', [], toV1), rule('canary', [match(prefix('/canary'))], toV2)),
  },
  {
    code: 'MW110',
    name: 'headers that one request can have together',
    path: 'shop/b-route',
    fires: two(rule('gold', [match(header('x-tier', 'gold'))], toV1), rule('beta', [match(header('x-beta', '1'))], toV2)),
    silent: two(rule('gold', [match(header('x-tier', 'gold'))], toV1), rule('silver', [match(header('x-tier', 'silver'))], toV2)),
  },
  {
    code: 'MW111',
    name: 'a look-ahead in a path',
    path: 'shop/payment-route',
    fires: one(rule('versions', [match(regex('/v(?!1)[0-9]+/'))], toV2)),
    silent: one(rule('versions', [match(regex('/v([02-9]|[0-9]{2,})/'))], toV2)),
  },
  {
    code: 'MW111',
    name: 'an open bracket in a header',
    path: 'shop/payment-route',
    fires: one(rule('browsers', [match(header('user-agent', 'Mozilla/[', 'RegularExpression'))], toV2)),
    silent: one(rule('browsers', [match(header('user-agent', 'Mozilla/.*', 'RegularExpression'))], toV2)),
  },
  {
    code: 'MW148',
    name: 'a GRPCRoute of HTTP/1.1',
    path: 'shop/calls',
    fires: graph(service('quotes'), grpcRoute('calls', 'quotes', rule('all', [], { quotes: {} }))),
    silent: graph(quotes, grpcRoute('calls', 'quotes', rule('all', [], { quotes: {} }))),
  },
  {
    code: 'MW149',
    name: 'routes of both kinds',
    path: 'shop/calls',
    fires: graph(quotes, route('health', 'quotes', rule('one', [match(exact('/health'))], { quotes: {} })), grpcRoute('calls', 'quotes', rule('all', [], { quotes: {} }))),
    silent: graph(
      quotes, grpcRoute('health', 'quotes', rule('one', [call(18, 5, exact('/grpc.health.v1.Health/Check'))], { quotes: {} })),
      grpcRoute('calls', 'quotes', rule('all', [call(0, 0)], { quotes: {} })),
    ),
  },
  {
    code: 'MW150',
    name: 'a retry of gRPC that leaves POST out',
    path: 'shop/quotes',
    fires: graph(service('quotes', { spec: { ...quotes.spec, retry: retry(1) } })),
    silent: graph(service('quotes', { spec: { ...quotes.spec, retry: retry(1, '100ms', { methods: ['POST'] }) }, facts: { idempotentMethods: ['POST'] } })),
  },
  {
    code: 'MW151',
    name: 'a retry by a status of gRPC where HTTP/1.1 is spoken',
    path: 'shop/calls',
    fires: graph(service('calls', { spec: { retry: retry(1, '100ms', { retryOn: ['gateway-error', 'unavailable'] }) } })),
    silent: graph(service('calls', {
      spec: { ...quotes.spec, retry: retry(1, '100ms', { retryOn: ['gateway-error', 'unavailable'], methods: ['POST'] }) }, facts: { idempotentMethods: ['POST'] },
    })),
  },
  {
    code: 'MW152',
    name: 'a mesh that takes plain text',
    path: 'shop/mesh',
    fires: graph(meshNode({ encryption: 'permissive' }), service('payment')),
    silent: graph(meshNode(), service('payment')),
  },
  {
    code: 'MW152',
    name: 'a service that takes plain text',
    path: 'shop/payment',
    fires: graph(service('payment', { spec: { encryption: 'permissive' } })),
    silent: graph(meshNode(), service('payment', { spec: { encryption: 'strict' } })),
  },
  {
    code: 'MW153',
    name: 'a mesh under audit',
    path: 'shop/mesh',
    fires: graph(meshNode({ authorization: 'audit' }), service('payment')),
    silent: graph(meshNode(), service('payment', { spec: { authorization: 'enforce' } })),
  },
  {
    code: 'MW154',
    name: 'rules for requests of a service of bytes',
    path: 'shop/order',
    fires: graph(allowing('db'), service('db', { spec: { port: { number: 5432, protocol: 'tcp' } } })),
    silent: graph(allowing('db'), service('db')),
  },
  {
    code: 'MW154',
    name: 'rules for requests of a service of bytes that are not looked into',
    path: 'shop/order',
    fires: graph(allowing('db'), service('db', { spec: { port: { number: 5432, protocol: 'tcp', detect: false } } })),
    silent: graph(allowing('db'), service('db', { spec: { port: { number: 5432, protocol: 'tcp', detect: true } } })),
  },
  {
    code: 'MW155',
    name: 'an answer that every request gets',
    path: 'shop/payment',
    fires: graph(service('payment', { spec: { faults: [{ abort: { statusCode: 503 }, percent: 100 }] } })),
    silent: graph(service('payment', { spec: { faults: [{ abort: { statusCode: 503 }, percent: 99 }] } })),
  },
  {
    code: 'MW155',
    name: 'a delay of every request',
    path: 'shop/payment',
    fires: graph(service('payment', { spec: { faults: [{ abort: { statusCode: 503 }, percent: 10 }, { delay: { duration: '1s' }, percent: 100 }] } })),
    silent: graph(service('payment', { spec: { faults: [{ delay: { duration: '1s' }, percent: 10 }] } })),
  },
  {
    code: 'MW156',
    name: 'a scope of a service that checks no tokens',
    path: 'shop/order',
    fires: graph(claiming('payment'), service('payment')),
    silent: graph(claiming('payment'), service('payment', { spec: { authentication: tokens({}) } })),
  },
  {
    code: 'MW157',
    name: 'keys at a service of another namespace by its full name',
    path: 'shop/payment',
    fires: graph(service('payment', { spec: { authentication: tokens({ jwksUri: 'https://login.shop.svc.cluster.local:8080/jwks' }) } }), service('login')),
    silent: graph(service('payment', { spec: { authentication: tokens({ jwksUri: 'https://login.shop.example/jwks' }) } }), service('login')),
  },
  {
    code: 'MW158',
    name: 'an issuer that is asked in plain text',
    path: 'shop/payment',
    fires: graph(service('payment', { spec: { authentication: tokens({ issuer: 'http://login.example', discovery: {} }) } })),
    silent: graph(service('payment', { spec: { authentication: tokens({ issuer: 'http://login.example' }) } })),
  },
  {
    code: 'MW164',
    name: 'copies of requests by any method',
    path: 'shop/canary',
    fires: graph(service('payment'), route('canary', 'payment', rule('all', [], { payment: {} }, { mirrors: ['next.shop'] }))),
    silent: graph(service('payment'), route('canary', 'payment', rule('all', [match({ method: 'GET' })], { payment: {} }, { mirrors: ['next.shop'] }))),
  },
  {
    code: 'MW172',
    name: 'pods without a sidecar',
    path: 'shop/payment',
    fires: graph(service('order', { calls: ['payment'] }), service('payment', { spec: { dataPlane: 'none' } })),
    silent: graph(service('order', { spec: { dataPlane: 'none' } }), service('payment')),
  },
  {
    code: 'MW173',
    name: 'what is spoken is detected by nobody',
    path: 'shop/payment',
    fires: graph(service('payment', { spec: { dataPlane: 'none', port: { number: 7000, protocol: 'tcp', detect: true } } })),
    silent: graph(service('payment', { spec: { port: { number: 7000, protocol: 'tcp', detect: true } } })),
  },
  {
    code: 'MW173',
    name: 'faults that no proxy injects',
    path: 'shop/payment',
    fires: graph(service('payment', { spec: { dataPlane: 'none', faults: [{ abort: { statusCode: 503 }, percent: 10 }] } })),
    silent: graph(service('payment', { spec: { dataPlane: 'proxyless-grpc', faults: [{ abort: { statusCode: 503 }, percent: 10 }] } })),
  },
  {
    code: 'MW174',
    name: 'a library of gRPC that calls HTTP/1.1',
    path: 'shop/order',
    fires: graph(service('order', { calls: ['payment'], spec: { dataPlane: 'proxyless-grpc' } }), service('payment')),
    silent: graph(service('order', { calls: ['payment'], spec: { dataPlane: 'proxyless-grpc' } }), service('payment', { spec: { port: { number: 8080, protocol: 'grpc' } } })),
  },
  {
    code: 'MW174',
    name: 'plain text that the called does not take',
    path: 'shop/order',
    fires: graph(service('order', { calls: ['payment'], spec: { dataPlane: 'none' } }), service('payment')),
    silent: graph(service('order', { calls: ['payment'] }), service('payment')),
  },
  {
    code: 'MW109',
    name: 'a method of a service that a rule of the whole service hides: characters of the service count first',
    path: 'shop/calls',
    fires: graph(quotes, grpcRoute('calls', 'quotes',
      rule('service', [call(14, 0, prefix('/shop.v1.Quotes'))], { quotes: {} }),
      rule('method', [call(0, 3, { path: { type: 'Exact', value: '/shop.v1.Quotes/Get' } })], { quotes: {} }))),
    silent: graph(quotes, grpcRoute('calls', 'quotes',
      rule('service', [call(14, 0, prefix('/shop.v1.Quotes'))], { quotes: {} }),
      rule('method', [call(14, 3, exact('/shop.v1.Quotes/Get'))], { quotes: {} }))),
  },
];
