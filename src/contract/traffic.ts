import * as z from 'zod';
import { authentication } from './authentication';
import { cookieName, dnsLabel, exactlyOne, headerName, listMap, listSet, milliseconds, percent, positiveDuration, text, withRules } from './schema';

/** HTTP methods that a document may name. */
export const httpMethod = z.enum(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'POST', 'PATCH']);

/** What is hashed to pick an endpoint or a version, or counted apart by a rate limit. */
export const hashKey = withRules(
  z.strictObject({
    header: headerName.optional().describe('A request header.'),
    cookie: z.strictObject({
      name: cookieName.describe('Name of the cookie.'),
      ttl: positiveDuration.optional().describe('Lifetime of the cookie that is set where it is missing. Without it none is set.'),
    }).optional().describe('A cookie.'),
    queryParam: text(128).optional().describe('A parameter of the query, the first of that name.'),
    sourceIp: z.strictObject({}).optional().describe('The address of the client.'),
  }),
  exactlyOne('header', 'cookie', 'queryParam', 'sourceIp'),
);

const ofRequests = {
  total: positiveDuration.optional().describe('Bound of a call with all its tries and the waits between them.'),
  perTry: positiveDuration.optional().describe('Bound of each try.'),
};
const perTryWithinTotal = {
  rule: '!has(self.total) || !has(self.perTry) || duration(self.perTry) <= duration(self.total)',
  message: 'perTry must not be longer than total',
  holds: ({ total, perTry }: { total?: string; perTry?: string }) => !(milliseconds(perTry) > milliseconds(total)),
};

/** How long a caller waits for its requests. */
export const requestTimeout = withRules(
  z.strictObject(ofRequests),
  { rule: 'has(self.total) || has(self.perTry)', message: 'total or perTry must be set', holds: (value) => (value.total ?? value.perTry) !== undefined },
  perTryWithinTotal,
);

/** How long a caller waits, for its requests and for its connections. */
export const timeout = withRules(
  z.strictObject({
    ...ofRequests,
    connect: positiveDuration.optional().describe('Bound of making a connection; 5s without it.'),
    idle: positiveDuration.optional().describe('A connection of a tcp port over which nothing went for so long is closed. Without it there is no bound.'),
    maxConnectionDuration: positiveDuration.optional()
      .describe('A connection that is older takes no more requests and is closed after its last one; of a tcp port it is closed. Without it there is no bound.'),
  }),
  {
    rule: 'has(self.total) || has(self.perTry) || has(self.connect) || has(self.idle) || has(self.maxConnectionDuration)',
    message: 'one of total, perTry, connect, idle and maxConnectionDuration must be set',
    holds: (value) => (value.total ?? value.perTry ?? value.connect ?? value.idle ?? value.maxConnectionDuration) !== undefined,
  },
  perTryWithinTotal,
);

/** What may be tried again; xDS `retry_on`. */
export const retryOn = z.enum([
  'connect-failure', 'refused-stream', 'reset', 'gateway-error', '5xx', 'per-try-timeout', 'rate-limited',
  'cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable',
]);

/** What is tried again, and when. */
export const retry = z.strictObject({
  attempts: z.int().min(1).max(10).describe('Retries after the first try.'),
  retryOn: listSet(retryOn, 12, 1).describe('Ends of a try after which there is another one.'),
  methods: listSet(httpMethod, 8, 1).describe('Methods that are tried again; others never are.'),
  backoff: withRules(
    z.strictObject({
      baseInterval: positiveDuration.describe('Wait before the first retry; each next one is twice as long.'),
      maxInterval: positiveDuration.describe('Longest wait.'),
      jitterPercent: z.int().min(0).max(100).describe('Part of a wait that is random: with 25 a wait of 100ms takes 75 to 100ms.'),
    }),
    {
      rule: 'duration(self.baseInterval) <= duration(self.maxInterval)',
      message: 'baseInterval must not be longer than maxInterval',
      holds: ({ baseInterval, maxInterval }) => !(milliseconds(baseInterval) > milliseconds(maxInterval)),
    },
  ).describe('Waits between tries.'),
  budget: z.strictObject({
    percent: percent.describe('Retries in flight as a part of the requests in flight.'),
    minConcurrency: z.int().min(1).max(10_000).describe('Retries that may be in flight whatever the percentage says.'),
  }).optional().describe('Bound on retries under load, for each calling proxy. Without it there is none.'),
});

/** The resilience pattern: closed, open, half-open with one probe. Counted by each calling proxy for the service as a whole. */
export const circuitBreaker = withRules(
  z.strictObject({
    consecutiveFailures: z.int().min(1).max(10_000).optional().describe('Opens after so many failed tries in a row.'),
    failureRate: z.strictObject({
      percent: percent.describe('Opens when at least so many of the tries failed.'),
      window: positiveDuration.describe('Sliding window.'),
      minRequests: z.int().min(1).max(1_000_000).describe('Tries in the window before it counts.'),
    }).optional().describe('Opens on a share of failed tries.'),
    cooldown: positiveDuration.describe('Time open before one request probes.'),
  }),
  exactlyOne('consecutiveFailures', 'failureRate'),
);

/** Ejects single endpoints; xDS `outlier_detection`. */
export const outlierDetection = withRules(z.strictObject({
  consecutiveServerErrors: z.int().min(1).max(10_000).describe('Answers of 5xx or connection failures in a row that eject an endpoint.'),
  interval: positiveDuration.describe('Time between the sweeps that end ejections.'),
  baseEjectionDuration: positiveDuration.describe('First ejection; multiplied by the number of times the endpoint was ejected.'),
  maxEjectionDuration: positiveDuration.describe('Longest ejection.'),
  maxEjectionPercent: percent.describe('Endpoints that may be out at once; one always may.'),
}), {
  rule: 'duration(self.baseEjectionDuration) <= duration(self.maxEjectionDuration)',
  message: 'baseEjectionDuration must not be longer than maxEjectionDuration',
  holds: ({ baseEjectionDuration, maxEjectionDuration }) => !(milliseconds(baseEjectionDuration) > milliseconds(maxEjectionDuration)),
});

/** Bounds on concurrency, of each calling proxy; xDS `circuit_breakers`. */
export const bulkhead = z.strictObject({
  maxConnections: z.int().min(1).max(1_000_000).describe('Connections to the service.'),
  maxPendingRequests: z.int().min(0).max(1_000_000).optional().describe('Requests that wait for a connection; more are answered 503 at once. Without it any number waits.'),
  maxRequests: z.int().min(1).max(1_000_000).optional().describe('Requests in flight. Without it only connections bound them.'),
});

/** A token bucket in each replica's proxy; more than it admits is answered 429. */
export const rateLimit = z.strictObject({
  name: dnsLabel.describe('Name in `RateLimit` headers, metrics and problem documents.'),
  requests: z.int().min(1).max(100_000_000).describe('Requests that each replica admits in `interval`.'),
  interval: positiveDuration.describe('Time that `requests` is about.'),
  burst: z.int().min(0).max(100_000_000).describe('Requests above the rate that are let through at once after a quiet time.'),
});

/** Which endpoint serves. */
export const loadBalancer = withRules(
  z.strictObject({
    roundRobin: z.strictObject({}).optional().describe('In turn.'),
    leastRequest: z.strictObject({
      choices: z.int().min(2).max(16).describe('Random endpoints of which the least loaded is taken.'),
    }).optional().describe('The least loaded of some random endpoints.'),
    ringHash: z.strictObject({
      key: hashKey.describe('What is hashed. A request without it goes to a random endpoint.'),
      minRingSize: z.int().min(1024).max(8_388_608).describe('Points on the ring at least.'),
    }).optional().describe('Ketama ring: the same key reaches the same endpoint.'),
  }),
  exactlyOne('roundRobin', 'leastRequest', 'ringHash'),
);

// In order, hence no set for Kubernetes: a set has none, and a server-side apply may reorder it.
const failover = withRules(z.array(dnsLabel).max(16), {
  rule: 'self.all(one, self.exists_one(other, one == other))',
  message: 'a region stands twice',
  holds: (regions) => new Set(regions).size === regions.length,
});
const healthyPercent = percent.describe('Traffic begins to move to the next region when fewer endpoints than this are healthy.');

/** Which region serves. */
export const locality = withRules(
  z.strictObject({
    preferLocal: z.strictObject({
      failover: failover.describe('Regions to fail over to, in this order; the own region is skipped where it is named.'),
      healthyPercent,
    }).optional().describe("The caller's own region first."),
    geohash: z.strictObject({
      header: headerName.describe('Request header with a geohash.'),
      failover: failover.describe('Regions to fail over to, in this order; the matched region is skipped.'),
      healthyPercent,
    }).optional().describe("The region whose geohash is the longest prefix of the header's value; the caller's own region where none is."),
  }),
  exactlyOne('preferLocal', 'geohash'),
);

const minBytes = z.int().min(0).max(4_294_967_295).describe('Bodies that are known to be shorter go as they are.');

/** Coding of answers. */
export const compression = withRules(
  z.strictObject({
    gzip: z.strictObject({ minBytes }).optional().describe('By gzip.'),
    brotli: z.strictObject({ minBytes }).optional().describe('By Brotli.'),
  }),
  exactlyOne('gzip', 'brotli'),
);

/** Digests of bodies (RFC 9530). */
export const digest = z.strictObject({
  sha256: z.strictObject({}).describe('SHA-256: verified where a message has one, and made for answers that have none.'),
});

/** Bounds on the size of what passes. */
export const sizeLimits = withRules(
  z.strictObject({
    requestBodyBytes: z.int().min(1).max(4_294_967_295).optional().describe('Bytes of the body of a request; a larger one is answered 413. Without it there is no bound.'),
    grpcMessageBytes: z.int().min(1).max(4_294_967_295).optional()
      .describe('Bytes of a message of a call of gRPC, in either direction; a larger one ends the call with RESOURCE_EXHAUSTED. Without it there is no bound.'),
  }),
  {
    rule: 'has(self.requestBodyBytes) || has(self.grpcMessageBytes)',
    message: 'requestBodyBytes or grpcMessageBytes must be set',
    holds: (value) => (value.requestBodyBytes ?? value.grpcMessageBytes) !== undefined,
  },
);

/** How callers ask endpoints whether they are well; xDS `health_checks`. */
export const healthCheck = withRules(
  z.strictObject({
    http: z.strictObject({
      path: z.string().min(1).max(1024).regex(/^\/[\x21\x22\x24-\x7e]*$/, { message: 'must be a path that begins with /, without spaces and #' }).describe('Path and query that are asked for by GET.'),
    }).optional().describe('A request, which a healthy endpoint answers with 200.'),
    grpc: z.strictObject({
      service: z.string().max(127).regex(/^[\x21-\x7e]*$/, { message: 'must be the full name of a service, or empty' }).describe('Service that is asked for; empty for the server as a whole.'),
    }).optional().describe('A call of grpc.health.v1.Health/Check, which a healthy endpoint answers with SERVING.'),
    tcp: z.strictObject({}).optional().describe('A connection.'),
    interval: positiveDuration.describe('Time between two checks of an endpoint.'),
    timeout: positiveDuration.describe('Bound of one check.'),
    unhealthyThreshold: z.int().min(1).max(100).describe('Failed checks in a row after which an endpoint gets no more requests.'),
    healthyThreshold: z.int().min(1).max(100).describe('Checks in a row that it passes before it gets requests again.'),
  }),
  exactlyOne('http', 'grpc', 'tcp'),
);

/** A fault that the service's own proxy injects; xDS `envoy.filters.http.fault`. */
export const fault = withRules(
  z.strictObject({
    abort: z.strictObject({
      statusCode: z.int().min(200).max(599).describe('Status of the answer; a call of gRPC ends with the status of gRPC that it stands for.'),
    }).optional().describe('An answer in place of that of the application, which does not hear of the request.'),
    delay: z.strictObject({ duration: positiveDuration.describe('How long a request waits.') }).optional().describe('A wait before the application gets the request.'),
    percent: z.int().min(0).max(100).describe('Percent of the requests, drawn by chance for each fault.'),
  }),
  exactlyOne('abort', 'delay'),
);

/** Everything that shapes the traffic to a service. What is left out is off. */
export const trafficShape = {
  timeout: timeout.optional().describe('How long a caller waits. Without it there is no bound.'),
  retry: retry.optional().describe('What is tried again. Without it nothing is.'),
  circuitBreaker: circuitBreaker.optional().describe('When the service is spared. Without it never.'),
  outlierDetection: outlierDetection.optional().describe('When an endpoint is ejected. Without it never.'),
  bulkhead: bulkhead.optional().describe('Bound on concurrency. Without it there is none.'),
  rateLimits: listMap(rateLimit, 'name', 16).optional().describe('Limits, each of which must admit a request.'),
  loadBalancer: loadBalancer.describe('Which endpoint serves.'),
  locality: locality.optional().describe('Which region serves. Without it every region alike.'),
  compression: compression.optional().describe('Compresses answers to clients that accept it. Without it none is.'),
  digest: digest.optional().describe('Digests of bodies. Without it they are neither made nor verified.'),
  sizeLimits: sizeLimits.optional().describe('Bounds on the size of what passes. Without it there are none.'),
  authentication: authentication.optional().describe('What token a request has to have. Without it none.'),
  healthCheck: healthCheck.optional().describe('How callers ask endpoints whether they are well. Without it they do not.'),
  faults: z.array(fault).max(16).optional().describe('Faults that its own proxies inject. Without it there are none.'),
};

/** What the proxies of callers do with it: all that can be done with what is outside of the mesh, where nobody else's proxy is. */
export const outboundShape = {
  timeout: trafficShape.timeout,
  retry: trafficShape.retry,
  circuitBreaker: trafficShape.circuitBreaker,
  outlierDetection: trafficShape.outlierDetection,
  bulkhead: trafficShape.bulkhead,
  loadBalancer: trafficShape.loadBalancer,
  healthCheck: trafficShape.healthCheck,
};

const outbound = z.strictObject(outboundShape);
export type OutboundSpec = z.infer<typeof outbound>;

/** What is spoken on a port. */
export const protocol = z.enum(['http', 'http2', 'grpc', 'tcp']);
