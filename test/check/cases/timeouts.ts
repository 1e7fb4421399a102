import { graph, match, prefix, retry, rule, route, service } from '../builders';
import type { Case } from './case';

const total = (text: string, perTry?: string) => ({ total: text, perTry });
const paymentWith = (spec: Parameters<typeof service>[1]) => graph(service('payment', spec));
/** `caller -> callee` for each pair, each callee with its retries. */
type Budget = { percent: number; minConcurrency: number };
const chain = (retries: number, names: readonly string[], budget?: Budget) => graph(...names.map((name, index) => service(name, {
  calls: index + 1 < names.length ? [names[index + 1]!] : [],
  spec: index === 0 || retries === 0 ? {} : { retry: retry(retries, '10ms', { budget }) },
})));

export const TIMEOUTS: readonly Case[] = [
  {
    code: 'MW107',
    name: 'five failures, four tries a call',
    path: 'shop/payment',
    fires: paymentWith({ spec: { circuitBreaker: { consecutiveFailures: 5, cooldown: '30s' }, retry: retry(3) } }),
    silent: paymentWith({ spec: { circuitBreaker: { consecutiveFailures: 8, cooldown: '30s' }, retry: retry(3) } }),
  },
  {
    code: 'MW107',
    name: 'three failures, four tries a call, by a rule',
    path: 'shop/slow',
    fires: graph(
      service('payment', { spec: { circuitBreaker: { consecutiveFailures: 3, cooldown: '30s' } } }), route('slow', 'payment', rule('all', [], { payment: {} }, { retry: retry(3) })),
    ),
    silent: graph(
      service('payment', { spec: { circuitBreaker: { consecutiveFailures: 3, cooldown: '30s' } } }), route('slow', 'payment', rule('all', [], { payment: {} })),
    ),
  },
  {
    code: 'MW112',
    name: 'four tries of 500 ms and 700 ms of waits in 2 s',
    path: 'shop/payment',
    fires: paymentWith({ spec: { timeout: total('2s', '500ms'), retry: retry(3) } }),
    silent: paymentWith({ spec: { timeout: total('2s700ms', '500ms'), retry: retry(3) } }),
  },
  {
    code: 'MW112',
    name: 'a caller with less time than the tries take',
    path: 'shop/order',
    fires: graph(
      service('order', { calls: [{ to: 'payment', timeout: total('1s', '500ms') }] }), service('payment', { spec: { timeout: total('3s', '500ms'), retry: retry(3) } }),
    ),
    silent: graph(service('order', { calls: [{ to: 'payment', timeout: total('1s') }] }), service('payment', { spec: { timeout: total('3s', '500ms'), retry: retry(3) } })),
  },
  {
    code: 'MW112',
    name: 'the longest wait bounds the others',
    path: 'shop/payment',
    fires: paymentWith({ spec: { timeout: total('1s399ms', '100ms'), retry: retry(5, '100ms', { backoff: { baseInterval: '100ms', maxInterval: '200ms', jitterPercent: 50 } }) } }),
    silent: paymentWith({ spec: { timeout: total('1s500ms', '100ms'), retry: retry(5, '100ms', { backoff: { baseInterval: '100ms', maxInterval: '200ms', jitterPercent: 50 } }) } }),
  },
  {
    code: 'MW113',
    name: '1.4 s of waits in 1 s',
    path: 'shop/payment',
    fires: paymentWith({ spec: { timeout: total('1s'), retry: retry(3, '200ms') } }),
    silent: paymentWith({ spec: { timeout: { perTry: '1s' }, retry: retry(3, '200ms') } }),
  },
  {
    code: 'MW113',
    name: '350 ms of waits in 200 ms, with a bound of each try',
    path: 'shop/payment',
    fires: paymentWith({ spec: { timeout: total('200ms', '50ms'), retry: retry(3, '50ms') } }),
    silent: paymentWith({ spec: { timeout: total('550ms', '50ms'), retry: retry(3, '50ms') } }),
  },
  {
    code: 'MW114',
    name: 'the total of a rule, the try of the service',
    path: 'shop/fast',
    fires: graph(service('payment', { spec: { timeout: total('5s', '2s') } }), route('fast', 'payment', rule('all', [], { payment: {} }, { totalTimeout: 1000 }))),
    silent: graph(
      service('payment', { spec: { timeout: total('5s', '2s') } }), route('fast', 'payment', rule('all', [], { payment: {} }, { totalTimeout: 1000, perTryTimeout: 500 })),
    ),
  },
  {
    code: 'MW115',
    name: 'three seconds for what may wait ten',
    path: 'shop/productpage',
    fires: graph(
      service('productpage', { calls: ['reviews'] }), service('reviews', { calls: ['ratings'], spec: { timeout: { perTry: '3s' }, retry: retry(1) } }),
      service('ratings', { spec: { timeout: total('10s') } }),
    ),
    silent: graph(
      service('productpage', { calls: ['reviews'] }), service('reviews', { calls: ['ratings'], spec: { timeout: { perTry: '3s' }, retry: retry(1) } }),
      service('ratings', { spec: { timeout: total('3s') } }),
    ),
  },
  {
    code: 'MW115',
    name: "the caller's own timeouts on both edges",
    path: 'shop/a',
    fires: graph(
      service('a', { calls: [{ to: 'b', timeout: total('1s') }] }), service('b', { calls: [{ to: 'c', timeout: total('2s') }], spec: { timeout: total('10s') } }), service('c'),
    ),
    silent: graph(
      service('a', { calls: [{ to: 'b', timeout: total('2s') }] }), service('b', { calls: [{ to: 'c', timeout: total('2s') }], spec: { timeout: total('10s') } }), service('c'),
    ),
  },
  {
    code: 'MW115',
    name: 'a slow rule beside, which the caller need not meet',
    path: 'shop/a',
    fires: graph(
      service('a', { calls: [{ to: 'b', timeout: total('1s') }] }), service('b', { calls: ['c'] }), service('c', { spec: { timeout: total('2s') } }),
      route('reports', 'c', rule('reports', [match(prefix('/reports'))], { c: {} }, { totalTimeout: 20_000 })),
    ),
    silent: graph(
      service('a', { calls: [{ to: 'b', timeout: total('2s') }] }), service('b', { calls: ['c'] }), service('c', { spec: { timeout: total('2s') } }),
      route('reports', 'c', rule('reports', [match(prefix('/reports'))], { c: {} }, { totalTimeout: 20_000 })),
    ),
  },
  {
    code: 'MW116',
    name: 'POST, and nobody says that it may be repeated',
    path: 'shop/payment',
    fires: paymentWith({ spec: { retry: retry(1, '10ms', { methods: ['GET', 'POST', 'PATCH'] }) } }),
    silent: paymentWith({ spec: { retry: retry(1, '10ms', { methods: ['GET', 'POST', 'PATCH'] }) }, facts: { idempotentMethods: ['POST', 'PATCH'] } }),
  },
  {
    code: 'MW116',
    name: 'POST in a rule',
    path: 'shop/post',
    fires: graph(service('payment'), route('post', 'payment', rule('all', [], { payment: {} }, { retry: retry(1, '10ms', { methods: ['POST'] }) }))),
    silent: graph(service('payment'), route('post', 'payment', rule('all', [], { payment: {} }, { retry: retry(1, '10ms', { methods: ['PUT'] }) }))),
  },
  {
    code: 'MW117',
    name: 'three retries on each of three calls in a row',
    path: 'shop/web',
    fires: chain(3, ['web', 'order', 'payment', 'bank']),
    silent: chain(3, ['order', 'payment', 'bank']),
  },
  {
    code: 'MW117',
    name: 'told once, where the bound is passed, and not again by those who call it',
    path: 'shop/b',
    fires: chain(3, ['a', 'b', 'c', 'd', 'e']),
    silent: chain(3, ['a', 'b', 'c', 'd', 'e'], { percent: 20, minConcurrency: 3 }),
  },
  {
    code: 'MW133',
    name: 'two minutes in thirty seconds',
    path: 'shop/report',
    fires: graph(service('report', { spec: { timeout: total('120s') } })),
    silent: graph(service('report', { spec: { timeout: total('120s') }, grace: 125 })),
  },
  {
    code: 'MW133',
    name: 'as long as the pod has in all, of which callers take five seconds',
    path: 'shop/report',
    fires: graph(service('report', { spec: { timeout: total('30s') } })),
    silent: graph(service('report', { spec: { timeout: total('25s') } })),
  },
  {
    code: 'MW135',
    name: 'a cycle with retries',
    path: 'shop/b',
    fires: graph(service('a', { calls: ['b'] }), service('b', { calls: ['c'], spec: { retry: retry(1) } }), service('c', { calls: ['b'] })),
    silent: graph(service('a', { calls: ['b'] }), service('b', { calls: ['c'] }), service('c', { calls: ['b'] })),
  },
];
