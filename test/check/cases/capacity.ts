import { graph, meshNode, region, rule, route, service } from '../builders';
import type { Case } from './case';

const limit = (requests: number) => [{ name: 'all', requests, interval: '1s', burst: 0 }];
const pool = (maxConnections: number) => ({ maxConnections, maxPendingRequests: 10 });
const callers = (amount: number, options: Parameters<typeof service>[1] = {}) => (
  Array.from({ length: amount }, (_, index) => service(`caller-${index}`, { calls: ['payment'], replicas: 1, ...options }))
);
const stated = (requestsPerSecond: number) => ({ calls: [{ to: 'payment', requestsPerSecond }] });
const atOnce = (concurrentRequests: number) => ({ calls: [{ to: 'payment', concurrentRequests }] });
const canary = (v1: number, v2: number) => route('canary', 'payment', rule('all', [], { payment: { weight: v1 } }, {
  backends: [
    { target: 'shop/payment', version: 'base', service: 'payment', namespace: 'shop', port: 8080, weight: v1 },
    { target: 'shop/payment', version: 'v2', service: 'payment-v2', namespace: 'shop', port: 8080, weight: v2 },
  ],
}));

const regions = meshNode({ regions: [region('eu-west'), region('us-east')] });
const inBothRegions = {
  regions: ['eu-west', 'us-east'],
  locality: { preferLocal: { failover: ['eu-west', 'us-east'], healthyPercent: 70 } },
  outlierDetection: outlier(50),
  rateLimits: limit(100),
};

export const CAPACITY: readonly Case[] = [
  {
    code: 'MW118',
    name: '100,000 req/s of 50 ms in five pools of 100',
    path: 'shop/payment',
    fires: graph(...callers(5), service('payment', { replicas: 5, spec: { rateLimits: limit(20_000), bulkhead: pool(100) }, facts: { expectedLatency: 50 } })),
    silent: graph(...callers(5), service('payment', { replicas: 5, spec: { rateLimits: limit(2000), bulkhead: pool(100) }, facts: { expectedLatency: 50 } })),
  },
  {
    code: 'MW118',
    name: 'a caller that states more than its own pool carries',
    path: 'shop/caller-0',
    fires: graph(...callers(1, stated(3000)), service('payment', { spec: { bulkhead: pool(100) }, facts: { expectedLatency: 50 } })),
    silent: graph(...callers(1, { ...stated(3000), replicas: 2 }), service('payment', { spec: { bulkhead: pool(100) }, facts: { expectedLatency: 50 } })),
  },
  {
    code: 'MW119',
    name: 'three callers of 500 req/s at 1,000',
    path: 'shop/payment',
    fires: graph(...callers(3, stated(500)), service('payment', { replicas: 2, spec: { rateLimits: limit(500) } })),
    silent: graph(...callers(2, stated(500)), service('payment', { replicas: 2, spec: { rateLimits: limit(500) } })),
  },
  {
    code: 'MW120',
    name: 'one replica',
    path: 'shop/payment',
    fires: graph(service('payment', { replicas: 1, spec: { outlierDetection: outlier(100) } })),
    silent: graph(service('payment', { replicas: 2, spec: { outlierDetection: outlier(100) } })),
  },
  {
    code: 'MW121',
    name: 'ten percent of three',
    path: 'shop/payment',
    fires: graph(service('payment', { replicas: 3, spec: { outlierDetection: outlier(10) } })),
    silent: graph(service('payment', { replicas: 3, spec: { outlierDetection: outlier(34) } })),
  },
  {
    code: 'MW138',
    name: 'half of the traffic to one of twenty-one pods',
    path: 'shop/canary',
    fires: graph(...callers(1, stated(2000)), service('payment', { replicas: 20, versions: { v2: { replicas: 1 } }, spec: { rateLimits: limit(100) } }), canary(50, 50)),
    silent: graph(...callers(1, stated(2000)), service('payment', { replicas: 20, versions: { v2: { replicas: 1 } }, spec: { rateLimits: limit(100) } }), canary(95, 5)),
  },
  {
    code: 'MW139',
    name: 'a canary of one percent that the breaker never counts',
    path: 'shop/canary',
    fires: graph(...callers(1, stated(10)), service('payment', { versions: { v2: {} }, spec: { circuitBreaker: byRate(20) } }), canary(90, 10)),
    silent: graph(...callers(1, stated(10)), service('payment', { versions: { v2: {} }, spec: { circuitBreaker: byRate(20) } }), canary(50, 50)),
  },
  {
    code: 'MW139',
    name: 'many pods that each call seldom',
    path: 'shop/payment',
    fires: graph(...callers(1, { ...stated(10), replicas: 40 }), service('payment', { spec: { circuitBreaker: byRate(20) } })),
    silent: graph(...callers(1, { ...stated(10), replicas: 5 }), service('payment', { spec: { circuitBreaker: byRate(20) } })),
  },
  {
    code: 'MW142',
    name: 'twenty at once in a pool of five and a queue of one',
    path: 'shop/caller-0',
    fires: graph(...callers(1, atOnce(20)), service('payment', { spec: { bulkhead: { maxConnections: 5, maxPendingRequests: 1 } } })),
    silent: graph(...callers(1, atOnce(20)), service('payment', { spec: { bulkhead: { maxConnections: 5, maxPendingRequests: 15 } } })),
  },
  {
    code: 'MW143',
    name: 'forty pods of which each would need minutes',
    path: 'shop/payment',
    fires: graph(...callers(1, { ...stated(10), replicas: 40 }), service('payment', { replicas: 2, spec: { outlierDetection: { ...outlier(50), consecutiveServerErrors: 20 } } })),
    silent: graph(...callers(1, { ...stated(10), replicas: 2 }), service('payment', { replicas: 2, spec: { outlierDetection: { ...outlier(50), consecutiveServerErrors: 20 } } })),
  },
  {
    code: 'MW144',
    name: 'two regions, each of which carries less than all',
    path: 'shop/payment',
    fires: graph(regions, ...callers(1, stated(600)), service('payment', { replicas: 10, spec: inBothRegions })),
    silent: graph(regions, ...callers(1, stated(600)), service('payment', { replicas: 12, spec: inBothRegions })),
  },
];

function outlier(maxEjectionPercent: number) {
  return { consecutiveServerErrors: 5, interval: '10s', baseEjectionDuration: '30s', maxEjectionDuration: '300s', maxEjectionPercent };
}

function byRate(minRequests: number) {
  return { failureRate: { percent: 50, window: '10s', minRequests }, cooldown: '30s' };
}
