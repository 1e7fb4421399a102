import {
  Cluster_DiscoveryType as DiscoveryType, Cluster_DnsLookupFamily as Family, create, Http2ProtocolOptionsSchema, unpackAnyAs,
  UpstreamHttpProtocolOptionsSchema, type Cluster,
  type Http2ProtocolOptions, type UpstreamHttpProtocolOptions,
} from '../../../xds';
import type { Problems } from '../problems';
import type { ClusterConfig } from '../types';
import { balancer } from './balancer';
import { loadAssignment, OVERPROVISIONING, type DecodedEndpoints } from './endpoints';
import { healthCheck } from './health-check';
import { http2Limits } from './http2';
import { circuitBreaker, keysKeptFor, limits, outlierDetection } from './policies';
import { durationOrOff, inRange, positiveDuration } from './scalars';
import { upstreamSocket } from './transport-socket';

/** Envoy's defaults. */
const CONNECT_TIMEOUT = 5_000;
const IDLE_TIMEOUT = 3_600_000;
const PANIC_THRESHOLD = 50;
const DNS_REFRESH = 5_000;

const PROTOCOL_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

const NO_ENDPOINTS: DecodedEndpoints = { localities: [], overprovisioningFactor: OVERPROVISIONING };

export interface DecodedCluster {
  readonly cluster: ClusterConfig;
  /** What a static or strict_dns cluster brings itself. */
  readonly endpoints: DecodedEndpoints | undefined;
  /** How names of a strict_dns cluster are resolved. */
  readonly dns: DnsConfig | undefined;
}

export interface DnsConfig {
  /** Milliseconds from one answer to the next question. */
  readonly refreshInterval: number;
  /** The time that an answer is good for is instead of the interval, where it is known. */
  readonly respectTtl: boolean;
  /** Milliseconds from a failure to the next question: twice as long with each; undefined: the interval. */
  readonly failureInterval: { readonly base: number; readonly max: number } | undefined;
  /** `v4_preferred`: addresses of IPv6 only where there is none of IPv4. */
  readonly families: 'v4' | 'v6' | 'v4_preferred' | 'all';
}

export function cluster(message: Cluster, problems: Problems): DecodedCluster {
  if (message.name === '') problems.add('name', 'is required');
  const discovery = discoveryOf(message, problems);
  const options = protocolOptions(message, problems);
  const socket = upstreamSocket(message.transportSocket, 'transport_socket', problems);
  const common = options.common;
  const commonPath = options.path;
  const endpoints = discovery === 'eds' ? undefined : discovery === 'original_dst' ? NO_ENDPOINTS : ownEndpoints(message, discovery, problems);
  return {
    cluster: {
      name: message.name,
      statName: message.altStatName || message.name,
      discovery,
      endpointsName: message.edsClusterConfig?.serviceName || message.name,
      ...portOverride(message, problems),
      connectTimeout: positiveDuration(message.connectTimeout, CONNECT_TIMEOUT, 'connect_timeout', problems),
      ...balancer(message, problems),
      ...limits(message.circuitBreakers, problems),
      breaker: circuitBreaker(message.metadata, problems),
      ...keysKeptFor(message.metadata, problems),
      outlierDetection: outlierDetection(message.outlierDetection, problems),
      healthCheck: healthCheck(message.healthChecks, message.name, options.spoken === 'http2', problems),
      idleTimeout: durationOrOff(common?.idleTimeout, IDLE_TIMEOUT, `${commonPath}.idle_timeout`, problems),
      maxConnectionDuration: common?.maxConnectionDuration && positiveDuration(common.maxConnectionDuration, 0, `${commonPath}.max_connection_duration`, problems),
      ...versions(options, socket !== undefined, problems),
      transportSocket: socket && { ...socket, alpn: socket.alpn.length > 0 ? socket.alpn : ALPN[options.spoken] },
      maxRequestsPerConnection: common?.maxRequestsPerConnection ?? message.maxRequestsPerConnection ?? 0,
      panicThreshold: inRange(message.commonLbConfig?.healthyPanicThreshold?.value ?? PANIC_THRESHOLD, 0, 100,
        'common_lb_config.healthy_panic_threshold.value', problems),
      overprovisioningFactor: endpoints?.overprovisioningFactor ?? OVERPROVISIONING,
    },
    endpoints,
    dns: discovery === 'strict_dns' ? dnsOf(message, problems) : undefined,
  };
}

const FAMILIES: Partial<Record<Family, DnsConfig['families']>> = {
  [Family.V4_ONLY]: 'v4', [Family.V6_ONLY]: 'v6', [Family.V4_PREFERRED]: 'v4_preferred',
};

function dnsOf({ dnsRefreshRate, dnsFailureRefreshRate: failure, dnsLookupFamily, respectDnsTtl }: Cluster, problems: Problems): DnsConfig {
  const base = failure && positiveDuration(failure.baseInterval, DNS_REFRESH, 'dns_failure_refresh_rate.base_interval', problems);
  // Ten times the base is Envoy's.
  const max = failure && base && positiveDuration(failure.maxInterval, base * 10, 'dns_failure_refresh_rate.max_interval', problems);
  if (base !== undefined && max !== undefined && max < base) problems.add('dns_failure_refresh_rate.max_interval', 'must be at least base_interval');
  return {
    refreshInterval: positiveDuration(dnsRefreshRate, DNS_REFRESH, 'dns_refresh_rate', problems),
    respectTtl: respectDnsTtl,
    failureInterval: base === undefined || max === undefined ? undefined : { base, max },
    families: FAMILIES[dnsLookupFamily] ?? 'all',
  };
}

function portOverride({ lbConfig }: Cluster, problems: Problems): Pick<ClusterConfig, 'portOverride'> {
  const port = lbConfig.case === 'originalDstLbConfig' ? lbConfig.value.upstreamPortOverride : undefined;
  return port === undefined ? {} : { portOverride: inRange(port, 1, 65_535, 'original_dst_lb_config.upstream_port_override', problems) };
}

function discoveryOf(message: Cluster, problems: Problems): ClusterConfig['discovery'] {
  const type = message.clusterDiscoveryType.case === 'type' ? message.clusterDiscoveryType.value : DiscoveryType.STATIC;
  const eds = message.edsClusterConfig;
  if (type === DiscoveryType.EDS) {
    if (eds?.edsConfig?.configSourceSpecifier.case !== 'ads') problems.add('eds_cluster_config.eds_config.ads', 'is required: the only source of endpoints');
    if (message.loadAssignment) problems.add('load_assignment', 'is for STATIC and STRICT_DNS clusters; an EDS cluster is told its endpoints');
    return 'eds';
  }
  if (eds) problems.add('eds_cluster_config', 'is for clusters of type EDS');
  if (type === DiscoveryType.ORIGINAL_DST) {
    if (message.loadAssignment) problems.add('load_assignment', 'is for STATIC and STRICT_DNS clusters; each connection of an ORIGINAL_DST cluster says where it goes');
    return 'original_dst';
  }
  return type === DiscoveryType.STRICT_DNS ? 'strict_dns' : 'static';
}

function ownEndpoints(message: Cluster, discovery: ClusterConfig['discovery'], problems: Problems): DecodedEndpoints {
  if (message.loadAssignment) return loadAssignment(message.loadAssignment, 'load_assignment', problems, discovery === 'strict_dns');
  problems.add('load_assignment', 'is required: the endpoints of the cluster');
  return { localities: [], overprovisioningFactor: OVERPROVISIONING };
}

interface ProtocolOptions {
  readonly common: UpstreamHttpProtocolOptions['commonHttpProtocolOptions'];
  readonly path: string;
  /** Where the upstream speaks HTTP/2. */
  readonly http2: Http2ProtocolOptions | undefined;
  readonly http2Path: string;
  /** What the options name; a cluster without any may carry bytes. */
  readonly spoken: keyof typeof ALPN;
}

/** What is offered where the context does not say: nothing that is not known to be spoken. */
const ALPN = { http2: ['h2'], http1: ['http/1.1'], auto: ['h2', 'http/1.1'], unknown: [] } as const;

function versions({ http2, http2Path, spoken }: ProtocolOptions, secure: boolean, problems: Problems): Pick<ClusterConfig, 'http2' | 'autoHttp2'> {
  const decoded = http2 && http2Limits(http2, http2Path, problems);
  if (spoken !== 'auto') return { http2: decoded };
  if (!secure) problems.add(http2Path, 'needs a transport_socket of TLS, whose ALPN decides; write explicit_http_config');
  return { http2: undefined, autoHttp2: decoded! };
}

/** The typed form, or the older fields of the cluster itself. */
function protocolOptions(message: Cluster, problems: Problems): ProtocolOptions {
  for (const key of Object.keys(message.typedExtensionProtocolOptions)) {
    if (key !== PROTOCOL_OPTIONS) problems.add(`typed_extension_protocol_options[${JSON.stringify(key)}]`, `is not supported: only ${PROTOCOL_OPTIONS}`);
  }
  const path = `typed_extension_protocol_options["${PROTOCOL_OPTIONS}"]`;
  const any = message.typedExtensionProtocolOptions[PROTOCOL_OPTIONS];
  const options = unpackAnyAs(UpstreamHttpProtocolOptionsSchema, any);
  if (!options) {
    if (any) problems.add(path, `${any.typeUrl} must be ${PROTOCOL_OPTIONS}`);
    return {
      common: message.commonHttpProtocolOptions, path: 'common_http_protocol_options',
      http2: message.http2ProtocolOptions, http2Path: 'http2_protocol_options',
      spoken: message.http2ProtocolOptions ? 'http2' : message.httpProtocolOptions ? 'http1' : 'unknown',
    };
  }
  const protocol = options.upstreamProtocolOptions;
  if (protocol.case === 'autoConfig') {
    return {
      common: options.commonHttpProtocolOptions, path: `${path}.common_http_protocol_options`,
      http2: protocol.value.http2ProtocolOptions ?? create(Http2ProtocolOptionsSchema), http2Path: `${path}.auto_config.http2_protocol_options`, spoken: 'auto',
    };
  }
  const explicit = protocol.case === 'explicitHttpConfig' ? protocol.value.protocolConfig : undefined;
  if (explicit === undefined) problems.add(`${path}.explicit_http_config`, 'is required: http_protocol_options or http2_protocol_options; or auto_config');
  return {
    common: options.commonHttpProtocolOptions, path: `${path}.common_http_protocol_options`,
    http2: explicit?.case === 'http2ProtocolOptions' ? explicit.value : undefined, http2Path: `${path}.explicit_http_config.http2_protocol_options`,
    spoken: explicit?.case === 'http2ProtocolOptions' ? 'http2' : 'http1',
  };
}
