import { external, graph, meshNode, rule, route, service } from '../builders';
import type { Case } from './case';

const caller = (...calls: NonNullable<NonNullable<Parameters<typeof service>[1]>['calls']>) => service('order', { calls });
const none = { spec: { outsideTraffic: { policy: 'none' as const } } };
const bytes = { port: 5432, protocol: 'tcp', tls: false } as const;
const trial = route('pay', 'payment', rule('all', [], { payment: { weight: 9 }, cards: { port: 443 } }));
const two = [external('ledger', bytes), external('archive', bytes)] as const;
const apart = { calls: ['ledger', { to: 'archive', localPort: 15432 }] } as const;

export const EXTERNAL: readonly Case[] = [
  {
    code: 'MW101',
    name: 'an external service that is called is known, and so is one that a route sends to',
    path: 'shop/order',
    fires: graph(caller('nobody')),
    silent: graph(caller('cards', 'payment'), external('cards'), service('payment'), trial),
  },
  {
    code: 'MW102',
    name: 'an external service of another mesh',
    path: 'shop/order',
    fires: graph(caller('cards'), external('cards', { mesh: 'other/mesh' })),
    silent: graph(caller('cards'), external('cards')),
  },
  {
    code: 'MW106',
    name: 'a split between HTTP inside and gRPC outside',
    path: 'shop/pay',
    fires: graph(service('payment'), external('cards', { protocol: 'grpc' }), trial),
    silent: graph(service('payment'), external('cards'), trial),
  },
  {
    code: 'MW146',
    name: 'two external services of bytes at one port of the loopback',
    path: 'shop/order',
    fires: graph(caller('ledger', 'archive'), ...two),
    silent: graph(service('order', apart), ...two),
  },
  {
    code: 'MW165',
    name: 'a name of the cluster\'s DNS',
    path: 'shop/cards',
    fires: graph(external('cards', { hostname: 'payment.shop.svc.cluster.local' })),
    silent: graph(external('cards', { hostname: 'payment.shop.svc.example' })),
  },
  {
    code: 'MW165',
    name: 'a name of a cluster with a domain of its own',
    path: 'shop/cards',
    fires: graph(meshNode({ clusterDomain: 'k8s.example' }), external('cards', { hostname: 'payment.shop.svc.k8s.example' })),
    silent: graph(meshNode({ clusterDomain: 'k8s.example' }), external('cards', { hostname: 'api.example' })),
  },
  {
    code: 'MW165',
    name: 'the short name of a service of the program',
    path: 'shop/cards',
    fires: graph(service('payment'), external('cards', { hostname: 'payment.shop' })),
    silent: graph(service('payment'), external('cards', { hostname: 'payment.shopping' })),
  },
  {
    code: 'MW166',
    name: 'one host and port with TLS and without',
    path: 'shop/billing',
    fires: graph(external('cards', { port: 8443 }), external('billing', { hostname: 'api.cards.example', port: 8443, tls: false })),
    silent: graph(external('cards', { port: 8443 }), external('billing', { hostname: 'api.cards.example', port: 8080, tls: false })),
  },
  {
    code: 'MW166',
    name: 'the name of a service',
    path: 'shop/payment',
    fires: graph(service('payment'), external('payment')),
    silent: graph(service('payment'), external('cards')),
  },
  {
    code: 'MW167',
    name: 'TLS at the port of HTTP',
    path: 'shop/cards',
    fires: graph(external('cards', { port: 80 })),
    silent: graph(external('cards', { port: 80, tls: false })),
  },
  {
    code: 'MW167',
    name: 'plain text at the port of HTTPS',
    path: 'shop/cards',
    fires: graph(external('cards', { tls: false })),
    silent: graph(external('cards', { tls: false, protocol: 'tcp' })),
  },
  {
    code: 'MW167',
    name: 'an address with TLS',
    path: 'shop/cards',
    fires: graph(external('cards', { hostname: '198.51.100.7' })),
    silent: graph(external('cards', { addresses: ['198.51.100.7'] })),
  },
  {
    code: 'MW168',
    name: 'a call where nothing outside may be reached',
    path: 'shop/order',
    fires: graph(service('order', { calls: ['cards'], ...none }), external('cards')),
    silent: graph(meshNode({ outsideTraffic: { policy: 'none' } }), service('order', { calls: ['cards'], spec: { outsideTraffic: { policy: 'registered' } } }), external('cards')),
  },
  {
    code: 'MW168',
    name: 'a route of what is called, where nothing outside may be reached',
    path: 'shop/order',
    fires: graph(meshNode({ outsideTraffic: { policy: 'none' } }), caller('payment'), service('payment'), external('cards'), trial),
    silent: graph(caller('payment'), service('payment'), external('cards'), trial),
  },
  {
    code: 'MW169',
    name: 'everything outside is open',
    path: 'shop/mesh',
    fires: graph(meshNode({ outsideTraffic: { policy: 'any' } })),
    silent: graph(meshNode({ outsideTraffic: { policy: 'registered', hosts: ['*.packages.example'] } })),
  },
  {
    code: 'MW170',
    name: 'rules of what may be asked for',
    path: 'shop/order',
    fires: graph(caller({ to: 'cards', allow: [{ http: { methods: ['GET'] } }] }), external('cards')),
    silent: graph(caller('cards'), external('cards')),
  },
  {
    code: 'MW170',
    name: 'a timeout of bytes',
    path: 'shop/order',
    fires: graph(caller({ to: 'ledger', timeout: { total: '1s' } }), external('ledger', bytes)),
    silent: graph(caller({ to: 'cards', timeout: { total: '1s' } }), external('cards')),
  },
  {
    code: 'MW170',
    name: 'a port of the loopback for HTTP',
    path: 'shop/order',
    fires: graph(caller({ to: 'cards', localPort: 9443 }), external('cards')),
    silent: graph(caller({ to: 'ledger', localPort: 9443 }), external('ledger', bytes)),
  },
  {
    code: 'MW171',
    name: 'two databases at one port',
    path: 'shop/order',
    fires: graph(service('order', { ...apart, intercepted: true }), ...two),
    silent: graph(service('order', { ...apart, intercepted: true }), external('ledger', bytes), external('archive', { ...bytes, addresses: ['198.51.100.7'] })),
  },
  {
    code: 'MW171',
    name: 'bytes at the port of HTTP',
    path: 'shop/order',
    fires: graph(service('order', { calls: [{ to: 'ledger', localPort: 15432 }], intercepted: true }), external('ledger', { ...bytes, port: 80 })),
    silent: graph(service('order', { calls: [{ to: 'ledger', localPort: 15432 }] }), external('ledger', { ...bytes, port: 80 })),
  },
];
