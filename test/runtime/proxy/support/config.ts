import type {
  ClusterConfig, FilterChainConfig, FilterChainMatchConfig, HeaderMutation, HttpConnectionManagerConfig, InspectConfig, JwtProviderConfig,
  ListenerConfig, ProxySnapshot, RetryConditions, RetryConfig, RouteActionConfig, RouteConfig, RouteTableConfig, TcpProxyConfig,
} from '../../../../runtime/proxy/config/types';

/** Configurations with the values that the decoder gives what was left out. */

export const NO_HEADERS: HeaderMutation = { remove: [], set: [], append: [] };

/** Settings of a listener and of the HTTP connection manager that is all of it. */
export type ListenerChanges = Partial<Pick<ListenerConfig, 'name' | 'address' | 'port' | 'direction' | 'inspect'> & HttpConnectionManagerConfig>;

export const NO_INSPECTION: InspectConfig = { tls: false, http: false, timeout: 15_000, continueOnTimeout: false };
export const MATCH_ALL: FilterChainMatchConfig = {
  destinationPort: undefined, serverNames: [], transportProtocol: undefined, applicationProtocols: [],
};

export function listenerConfig(changes: ListenerChanges = {}): ListenerConfig {
  const { name = 'ingress', address = '127.0.0.1', port = 0, direction = 'outbound', inspect = NO_INSPECTION, ...http } = changes;
  return { name, address, port, direction, inspect, filterChains: [filterChain(name, httpConfig(http))], defaultFilterChain: undefined };
}

export function filterChain(key: string, filter: FilterChainConfig['filter'], match: Partial<FilterChainMatchConfig> = {}): FilterChainConfig {
  return { key, name: '', match: { ...MATCH_ALL, ...match }, transportSocket: undefined, rbac: undefined, filter };
}

export function httpConfig(changes: Partial<HttpConnectionManagerConfig> = {}): HttpConnectionManagerConfig {
  return {
    kind: 'http',
    statPrefix: 'ingress',
    routeTable: 'routes',
    filters: [],
    accessLog: undefined,
    streamIdleTimeout: 300_000,
    idleTimeout: 3_600_000,
    requestHeadersTimeout: 0,
    requestTimeout: 0,
    maxRequestHeadBytes: 60 * 1024,
    generateRequestId: true,
    preserveExternalRequestId: false,
    useRemoteAddress: false,
    serverName: 'meshwright',
    serverHeader: 'overwrite',
    acceptHttp10: true,
    websocket: true,
    bufferLimit: 1024 * 1024,
    codec: 'auto',
    http2: { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 1024 * 1024 },
    ...changes,
  };
}

export function tcpConfig(changes: Partial<TcpProxyConfig> = {}): TcpProxyConfig {
  return {
    kind: 'tcp_proxy',
    statPrefix: 'db',
    clusters: [{ cluster: 'payment', weight: 1 }],
    idleTimeout: 3_600_000,
    maxDuration: 0,
    maxConnectAttempts: 1,
    hashSourceIp: false,
    accessLog: undefined,
    ...changes,
  };
}

export const NEVER: RetryConditions = {
  connectFailure: false, refusedStream: false, reset: false, gatewayError: false, serverError: false, retriable4xx: false, statusCodes: new Set(),
  grpcStatuses: new Set(),
};

export function retryConfig(changes: Partial<RetryConfig> = {}): RetryConfig {
  return {
    on: { ...NEVER, connectFailure: true, refusedStream: true, reset: true, gatewayError: true },
    maxRetries: 3,
    perTryTimeout: 0,
    perTryIdleTimeout: 0,
    baseInterval: 100,
    maxInterval: 1000,
    jitter: 0,
    avoidPreviousHosts: false,
    hostSelectionAttempts: 1,
    requestMatches: [],
    maxReplayBytes: 65_536,
    rateLimitedMaxInterval: 0,
    ...changes,
  };
}

export function actionConfig(changes: Partial<RouteActionConfig> = {}): RouteActionConfig {
  return {
    kind: 'route',
    clusters: [{ cluster: 'payment', weight: 1, requestHeaders: NO_HEADERS, responseHeaders: NO_HEADERS }],
    clusterByHash: false,
    clusterNotFoundStatus: 503,
    rewrite: undefined,
    hostRewrite: undefined,
    timeout: 15_000,
    maxDuration: undefined,
    idleTimeout: undefined,
    websocket: undefined,
    retry: undefined,
    hash: [],
    mirrors: [],
    ...changes,
  };
}

export function routeConfig(action: RouteConfig['action'], changes: Partial<RouteConfig> = {}): RouteConfig {
  return {
    name: 'all',
    match: { path: { kind: 'prefix', value: '/', ignoreCase: false }, headers: [], queryParams: [], fractionPerMillion: 1_000_000 },
    action,
    requestHeaders: NO_HEADERS,
    responseHeaders: NO_HEADERS,
    filters: new Map(),
    ...changes,
  };
}

export function routeTable(routes: readonly RouteConfig[], changes: Partial<RouteTableConfig> = {}): RouteTableConfig {
  return {
    name: 'routes',
    virtualHosts: [{ name: 'all', domains: ['*'], routes, requestHeaders: NO_HEADERS, responseHeaders: NO_HEADERS }],
    ...changes,
  };
}

export function jwtProviderConfig(changes: Partial<JwtProviderConfig> = {}): JwtProviderConfig {
  return {
    name: 'payment.shop',
    issuer: 'https://login.example',
    audiences: ['payment'],
    keys: { kind: 'remote', cluster: 'jwks', host: 'login.example', path: '/jwks', timeout: 5000, cacheDuration: 600_000, ahead: false, failedRefetch: 1000 },
    requireExpiration: true,
    clockSkew: 60_000,
    forward: true,
    headers: [{ name: 'authorization', prefix: 'Bearer ' }],
    claimHeaders: [],
    payloadHeader: undefined,
    metadataKey: 'payload',
    spaceDelimited: ['scope'],
    cacheSize: 100,
    ...changes,
  };
}

export function clusterConfig(changes: Partial<ClusterConfig> = {}): ClusterConfig {
  return {
    name: 'payment',
    statName: '',
    discovery: 'eds',
    endpointsName: 'payment',
    connectTimeout: 5000,
    balancer: { kind: 'round_robin' },
    limits: { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 100 },
    retryBudget: undefined,
    breaker: undefined,
    outlierDetection: undefined,
    idleTimeout: 3_600_000,
    http2: undefined,
    transportSocket: undefined,
    maxRequestsPerConnection: 0,
    panicThreshold: 50,
    localityWeighted: false,
    overprovisioningFactor: 140,
    ...changes,
  };
}

/** A snapshot of one listener, its routes, and clusters with endpoints on loopback by port. */
export function snapshot(
  listener: ListenerConfig, routes: RouteTableConfig, clusters: readonly (readonly [ClusterConfig, readonly number[]])[],
): ProxySnapshot {
  return {
    listeners: new Map([[listener.name, listener]]),
    routes: new Map([[routes.name, routes]]),
    clusters: new Map(clusters.map(([config]) => [config.name, config])),
    endpoints: new Map(clusters.map(([{ name }, ports]) => [name, {
      clusterName: name,
      localities: [{
        region: 'eu-west',
        zone: 'a',
        priority: 0,
        weight: 1,
        endpoints: ports.map((port) => ({ address: '127.0.0.1', port, weight: 1, healthy: true })),
      }],
    }])),
    secrets: new Map(),
  };
}
