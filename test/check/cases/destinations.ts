import { graph, rule, route, service } from '../builders';
import type { Case } from './case';

const payment = service('payment');
const v2 = service('payment', { versions: { v2: {} } });
const withoutV2 = service('payment', { versions: { v2: { unlisted: true } } });

export const DESTINATIONS: readonly Case[] = [
  {
    code: 'MW101',
    name: 'a call to what is no service',
    path: 'shop/order',
    fires: graph(service('order', { calls: ['paymnet'] }), payment),
    silent: graph(service('order', { calls: ['payment'] }), payment),
  },
  {
    code: 'MW101',
    name: 'a route to what is no service',
    path: 'shop/canary',
    fires: graph(payment, route('canary', 'payment', rule('all', [], { paymnet: {} }))),
    silent: graph(payment, route('canary', 'payment', rule('all', [], { payment: {} }))),
  },
  {
    code: 'MW101',
    name: 'a route of what is no service',
    path: 'shop/canary',
    fires: graph(payment, route('canary', 'paymnet', rule('all', [], { payment: {} }))),
    silent: graph(payment, route('canary', 'payment', rule('all', [], { payment: {} }))),
  },
  {
    code: 'MW102',
    name: 'a call into another mesh',
    path: 'shop/order',
    fires: graph(service('order', { calls: ['ledger'] }), service('ledger', { mesh: 'bank/mesh' })),
    silent: graph(service('order', { calls: ['ledger'] }), service('ledger')),
  },
  {
    code: 'MW102',
    name: 'a route into another mesh',
    path: 'shop/canary',
    fires: graph(payment, service('ledger', { mesh: 'bank/mesh' }), route('canary', 'payment', rule('all', [], { ledger: {} }))),
    silent: graph(payment, service('ledger'), route('canary', 'payment', rule('all', [], { ledger: {} }))),
  },
  {
    code: 'MW103',
    name: 'a route to a version that the manifest does not list',
    path: 'shop/canary',
    fires: graph(withoutV2, route('canary', 'payment', rule('all', [], { payment: { version: 'v2' } }))),
    silent: graph(v2, route('canary', 'payment', rule('all', [], { payment: { version: 'v2' } }))),
  },
  {
    code: 'MW103',
    name: 'a call to a version that the manifest does not list',
    path: 'shop/order',
    fires: graph(withoutV2, service('order', { calls: ['payment-v2'] })),
    silent: graph(v2, service('order', { calls: ['payment-v2'] })),
  },
  {
    code: 'MW105',
    name: 'a route to a port that is not served',
    path: 'shop/canary',
    fires: graph(payment, route('canary', 'payment', rule('all', [], { payment: { port: 80 } }))),
    silent: graph(payment, route('canary', 'payment', rule('all', [], { payment: { port: 8080 } }))),
  },
];
