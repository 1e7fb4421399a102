import type { ClusterStats } from '../cluster/stats';
import type { Cluster } from '../cluster/types';
import type { FilterChainConfig, HttpConnectionManagerConfig, ListenerConfig, TcpProxyConfig } from '../config/types';
import { collectAuthorization, isAuthorization, type AuthorizationCounters } from './authorization-metrics';
import { collectBodyFilters, type MeasuredFilter } from './body-metrics';
import { Families } from './families';
import { collectFaults } from './fault-metrics';
import type { Http2Stats } from './http2-stats';
import { collectTokens, isTokens } from './jwt-metrics';
import type { RequestObserver } from './request-observer';

type Numbers<T> = { readonly [K in keyof T as T[K] extends number ? K : never]: T[K] };
type ClusterCounter = keyof Numbers<ClusterStats>;

/** What a listener counts before a filter chain takes over. */
export interface ListenerCounters {
  readonly cxTotal: number;
  readonly cxActive: number;
  readonly cxDestroy: number;
  readonly preCxActive: number;
  readonly preCxTimeout: number;
  readonly noFilterChainMatch: number;
  readonly foundTls: number;
  readonly foundHttp: number;
  readonly foundOther: number;
}

/** What a tcp_proxy counts. */
export interface TcpCounters {
  readonly cxTotal: number;
  readonly cxActive: number;
  readonly cxDestroy: number;
  readonly cxIdleTimeout: number;
  readonly maxDurationReached: number;
  readonly cxNoRoute: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly flowControlPaused: number;
}

/** What an HTTP connection manager counts, as far as it becomes a metric. */
export interface HttpCounters extends Readonly<Http2Stats> {
  readonly cxTotal: number;
  readonly cxActive: number;
  readonly cxDestroy: number;
  readonly cxDestroyRemoteActiveRq: number;
  readonly cxIdleTimeout: number;
  readonly cxMaxDuration: number;
  readonly cxDrainClose: number;
  readonly cxProtocolError: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly rqTotal: number;
  readonly rqActive: number;
  readonly rqOverloadClose: number;
  readonly rqHeaderTimeout: number;
  readonly rqOverallTimeout: number;
  readonly rqIdleTimeout: number;
  readonly rqTimeout: number;
  readonly rqTooLarge: number;
  readonly rqMirrored: number;
  readonly rqMirrorOverflow: number;
  readonly rqMaxDuration: number;
  readonly rqRxReset: number;
  readonly rqTxReset: number;
  readonly upgradeTotal: number;
  readonly upgradeActive: number;
  readonly flowControlPaused: number;
  readonly rqByClass: Float64Array;
}

/** What there is to measure. */
export interface Measured {
  readonly clusters: Iterable<Cluster>;
  readonly listeners: Iterable<MeasuredListener>;
}

export interface MeasuredListener {
  readonly config: ListenerConfig;
  readonly stats: ListenerCounters;
  readonly filterChains: Iterable<{
    readonly chain: FilterChainConfig;
    readonly stats: HttpCounters | TcpCounters;
    /** Of a chain that serves HTTP they have filters. */
    readonly tables?: object;
  }>;
}

const CLUSTER_COUNTERS: readonly (readonly [string, ClusterCounter, string])[] = [
  ['upstream_cx_total', 'cxTotal', 'Connections opened'],
  ['upstream_cx_connect_fail', 'cxConnectFail', 'Connections that could not be made'],
  ['upstream_cx_max_duration_reached', 'cxMaxDuration', 'Connections that were as old as they may become'],
  ['upstream_cx_connect_timeout', 'cxConnectTimeout', 'Connections that were not made in time'],
  ['upstream_cx_destroy_with_active_rq', 'cxDestroyWithActiveRq', 'Connections closed with a request in flight'],
  ['upstream_cx_overflow', 'cxOverflow', 'Connections refused by max_connections'],
  ['upstream_cx_connect_attempts_exceeded', 'cxConnectAttemptsExceeded', 'TCP sessions that failed with their last attempt to connect'],
  ['upstream_cx_rx_bytes_total', 'cxRxBytes', 'Bytes received by TCP sessions'],
  ['upstream_cx_tx_bytes_total', 'cxTxBytes', 'Bytes sent by TCP sessions'],
  ['upstream_cx_none_healthy', 'rqNoHealthyUpstream', 'Picks that found no endpoint'],
  ['upstream_rq_total', 'rqTotal', 'Tries sent'],
  ['upstream_rq_timeout', 'rqTimeout', 'Requests that ran into the timeout of their route'],
  ['upstream_rq_per_try_timeout', 'rqPerTryTimeout', 'Tries that ran into the timeout of a try'],
  ['upstream_rq_retry', 'rqRetry', 'Retries'],
  ['upstream_rq_retry_success', 'rqRetrySuccess', 'Retries that succeeded'],
  ['upstream_rq_retry_overflow', 'rqRetryOverflow', 'Retries refused by max_retries or the retry budget'],
  ['upstream_rq_retry_limit_exceeded', 'rqRetryLimitExceeded', 'Requests that failed with their last retry'],
  ['upstream_rq_pending_total', 'rqPendingTotal', 'Requests that waited for a connection'],
  ['upstream_rq_pending_overflow', 'rqPendingOverflow', 'Requests refused by max_pending_requests or max_requests'],
  ['lb_healthy_panic', 'lbHealthyPanic', 'Picks made among all endpoints, healthy or not'],
  ['health_check_attempt', 'healthCheckAttempt', 'Active health checks'],
  ['health_check_success', 'healthCheckSuccess', 'Active health checks that passed'],
  ['health_check_failure', 'healthCheckFailure', 'Active health checks that failed'],
  ['health_check_network_failure', 'healthCheckNetworkFailure', 'Active health checks without an answer'],
  ['outlier_detection_ejections_enforced_total', 'outlierEjections', 'Ejections of endpoints'],
];

const BREAKER_COUNTERS: readonly (readonly [string, ClusterCounter, string])[] = [
  ['opened', 'breakerOpened', 'Times the circuit breaker opened'],
  ['half_opened', 'breakerHalfOpened', 'Times the circuit breaker let a probe through'],
  ['closed', 'breakerClosed', 'Times the circuit breaker closed'],
  ['refused', 'rqCircuitOpen', 'Requests refused by the open circuit breaker'],
];
const BREAKER_STATES = ['closed', 'open', 'half_open'] as const;

const HTTP_COUNTERS: readonly (readonly [string, Exclude<keyof HttpCounters, 'rqByClass'>, string])[] = [
  ['downstream_cx_total', 'cxTotal', 'Connections accepted'],
  ['downstream_cx_destroy', 'cxDestroy', 'Connections closed'],
  ['downstream_cx_destroy_remote_active_rq', 'cxDestroyRemoteActiveRq', 'Connections that the client closed with a request under way'],
  ['downstream_cx_max_duration_reached', 'cxMaxDuration', 'Connections that were as old as they may become'],
  ['downstream_cx_idle_timeout', 'cxIdleTimeout', 'Connections closed because idle'],
  ['downstream_cx_drain_close', 'cxDrainClose', 'Connections closed by a drain'],
  ['downstream_cx_protocol_error', 'cxProtocolError', 'Messages refused as invalid HTTP'],
  ['downstream_cx_rx_bytes_total', 'bytesReceived', 'Bytes received'],
  ['downstream_cx_tx_bytes_total', 'bytesSent', 'Bytes sent'],
  ['downstream_cx_upgrades_total', 'upgradeTotal', 'Connections that became a tunnel'],
  ['downstream_flow_control_paused_reading_total', 'flowControlPaused', 'Times reading stopped for a slower receiver'],
  ['downstream_rq_total', 'rqTotal', 'Requests'],
  ['downstream_rq_overload_close', 'rqOverloadClose', 'Requests refused because the proxy is overloaded'],
  ['downstream_rq_header_timeout', 'rqHeaderTimeout', 'Heads that did not arrive in time'],
  ['downstream_rq_overall_timeout', 'rqOverallTimeout', 'Bodies that did not arrive in time'],
  ['downstream_rq_idle_timeout', 'rqIdleTimeout', 'Streams ended because idle'],
  ['downstream_rq_timeout', 'rqTimeout', 'Requests ended by the timeout of their route'],
  ['downstream_rq_too_large', 'rqTooLarge', 'Requests whose body is longer than is allowed'],
  ['downstream_rq_mirrored', 'rqMirrored', 'Copies of requests that went to another cluster'],
  ['downstream_rq_mirror_overflow', 'rqMirrorOverflow', 'Copies that were not sent as the body is longer than the buffer'],
  ['downstream_rq_max_duration_reached', 'rqMaxDuration', 'Requests ended by max_stream_duration or grpc-timeout'],
  ['downstream_rq_rx_reset', 'rqRxReset', 'Requests whose client went away'],
  ['downstream_rq_tx_reset', 'rqTxReset', 'Answers that the upstream broke off'],
];
const HTTP_GAUGES: readonly (readonly [string, Exclude<keyof HttpCounters, 'rqByClass'>, string])[] = [
  ['downstream_cx_active', 'cxActive', 'Connections open'],
  ['downstream_rq_active', 'rqActive', 'Requests under way'],
  ['downstream_cx_upgrades_active', 'upgradeActive', 'Tunnels open'],
];

const HTTP2_COUNTERS: readonly (readonly [string, keyof Http2Stats, string])[] = [
  ['rx_reset', 'http2RxReset', 'RST_STREAM received'],
  ['tx_reset', 'http2TxReset', 'RST_STREAM sent'],
  ['goaway_received', 'http2RxGoAway', 'GOAWAY received'],
  ['goaway_sent', 'http2TxGoAway', 'GOAWAY sent'],
  ['rx_messaging_error', 'http2RxMessagingError', 'Malformed messages'],
  ['streams_refused', 'http2StreamsRefused', 'Streams refused, as more were open than is allowed'],
  ['settings_timeout', 'http2SettingsTimeout', 'Connections closed as SETTINGS were not acknowledged in time'],
  ['keepalive_timeout', 'http2KeepaliveTimeout', 'Connections closed as a keepalive PING was not answered in time'],
  ['inbound_rapid_reset_flood', 'http2RapidResetFlood', 'Connections closed for streams that were opened and given up again'],
  ['inbound_continuation_flood', 'http2ContinuationFlood', 'Connections closed for header blocks in too many pieces'],
  ['header_overflow', 'http2HeaderBomb', 'Connections closed for header blocks that unfold to far more than is taken'],
  ['inbound_settings_flood', 'http2SettingsFlood', 'Connections closed for too many SETTINGS'],
  ['inbound_ping_flood', 'http2PingFlood', 'Connections closed for too many PINGs'],
  ['inbound_control_frames_flood', 'http2ControlFlood', 'Connections closed for too many other control frames'],
  ['inbound_empty_frames_flood', 'http2EmptyFramesFlood', 'Connections closed for DATA frames that carry nothing'],
  ['inbound_window_update_frames_flood', 'http2WindowUpdateFlood', 'Connections closed for too many WINDOW_UPDATEs'],
  ['tiny_window_flood', 'http2TinyWindowFlood', 'Connections closed for windows of a few bytes'],
];

const LISTENER_COUNTERS: readonly (readonly [string, keyof ListenerCounters, string])[] = [
  ['downstream_cx_total', 'cxTotal', 'Connections accepted'],
  ['downstream_cx_destroy', 'cxDestroy', 'Connections closed'],
  ['downstream_pre_cx_timeout', 'preCxTimeout', 'Connections whose first bytes did not come in time'],
  ['no_filter_chain_match', 'noFilterChainMatch', 'Connections closed because no filter chain matches'],
  ['found_tls', 'foundTls', 'Connections that begin with a ClientHello'],
  ['found_http', 'foundHttp', 'Connections that begin with HTTP/1 or the preface of HTTP/2'],
  ['found_other', 'foundOther', 'Connections that begin with neither, or whose server speaks first'],
];
const LISTENER_GAUGES: readonly (readonly [string, keyof ListenerCounters, string])[] = [
  ['downstream_cx_active', 'cxActive', 'Connections open'],
  ['downstream_pre_cx_active', 'preCxActive', 'Connections whose first bytes are waited for'],
];

const TCP_COUNTERS: readonly (readonly [string, keyof TcpCounters, string])[] = [
  ['downstream_cx_total', 'cxTotal', 'Connections accepted'],
  ['downstream_cx_destroy', 'cxDestroy', 'Connections closed'],
  ['downstream_cx_no_route', 'cxNoRoute', 'Connections closed because the cluster is not known'],
  ['downstream_cx_rx_bytes_total', 'bytesReceived', 'Bytes received from clients'],
  ['downstream_cx_tx_bytes_total', 'bytesSent', 'Bytes sent to clients'],
  ['downstream_flow_control_paused_reading_total', 'flowControlPaused', 'Times reading stopped for a slower receiver'],
  ['idle_timeout', 'cxIdleTimeout', 'Connections closed because idle'],
  ['max_downstream_connection_duration', 'maxDurationReached', 'Connections closed because their time was over'],
];

/** Adds what clusters and listeners have counted, under Envoy's names where it has one. */
export function collectTraffic({ clusters, listeners }: Measured, observer: RequestObserver, into: Families): void {
  for (const cluster of clusters) collectCluster(cluster, observer, into);
  for (const [path, lines] of observer.dropped()) {
    into.counter('meshwright_access_log_dropped_total', 'Lines of the access log that were lost because nobody took them', 'access_log.{path}.dropped')
      .add({ path }, lines);
  }
  for (const listener of listeners) {
    collectListener(listener, into);
    for (const { chain, stats, tables } of listener.filterChains) {
      // A chain's counters are those of its kind.
      if (chain.filter.kind === 'http') {
        collectHttp(chain.key, chain.filter, stats as HttpCounters, observer, into);
        const { filters = [] } = (tables ?? {}) as { filters?: readonly MeasuredFilter[] };
        const { statPrefix } = chain.filter;
        collectBodyFilters(filters, { envoy_http_conn_manager_prefix: statPrefix }, into);
        collectFaults(filters, statPrefix, into);
        for (const filter of filters) {
          if (isAuthorization(filter.stats)) collectAuthorization({ statPrefix, protocol: 'http', rules: filter.rules ?? filter.name }, filter.stats, into);
          if (isTokens(filter.stats)) collectTokens(statPrefix, filter.stats, into);
        }
        continue;
      }
      collectTcp(chain.key, chain.filter, stats as TcpCounters, observer, into);
      const { authorizer } = (tables ?? {}) as { authorizer?: { readonly stats: AuthorizationCounters; readonly rules: string } };
      if (authorizer !== undefined) collectAuthorization({ statPrefix: chain.filter.statPrefix, protocol: 'tcp', rules: authorizer.rules }, authorizer.stats, into);
    }
    collectPlainText(listener, into);
  }
}

/** What comes without TLS where TLS is taken, too: it has to be none before only TLS is. */
function collectPlainText({ config: { name }, filterChains }: MeasuredListener, into: Families): void {
  const chains = [...filterChains];
  if (chains.every(({ chain }) => chain.transportSocket === undefined)) return;
  let connections = 0, requests = 0;
  for (const { chain, stats } of chains) {
    if (chain.transportSocket !== undefined) continue;
    connections += stats.cxTotal;
    if (chain.filter.kind === 'http') requests += (stats as HttpCounters).rqTotal;
  }
  into.counter('meshwright_plaintext_connections_total', 'Connections without TLS at a listener that takes TLS', 'listener.{listener}.plaintext_cx_total')
    .add({ listener: name }, connections);
  into.counter('meshwright_plaintext_requests_total', 'Requests on such connections', 'listener.{listener}.plaintext_rq_total').add({ listener: name }, requests);
}

function collectListener({ config, stats }: MeasuredListener, into: Families): void {
  const labels = { envoy_listener_address: `${config.address}_${config.port}` };
  const stat = (name: string): string => `listener.{envoy_listener_address}.${name}`;
  for (const [name, key, help] of LISTENER_COUNTERS) into.counter(`envoy_listener_${name}`, help, stat(name)).add(labels, stats[key]);
  for (const [name, key, help] of LISTENER_GAUGES) into.gauge(`envoy_listener_${name}`, help, stat(name)).add(labels, stats[key]);
}

function collectHttp(key: string, { statPrefix }: HttpConnectionManagerConfig, stats: HttpCounters, observer: RequestObserver, into: Families): void {
  const labels = { envoy_http_conn_manager_prefix: statPrefix };
  const stat = (name: string): string => `http.{envoy_http_conn_manager_prefix}.${name}`;
  for (const [name, counter, help] of HTTP_COUNTERS) into.counter(`envoy_http_${name}`, help, stat(name)).add(labels, stats[counter]);
  for (const [name, counter, help] of HTTP2_COUNTERS) into.counter(`envoy_http_http2_${name}`, help, stat(`http2.${name}`)).add(labels, stats[counter]);
  for (const [name, counter, help] of HTTP_GAUGES) into.gauge(`envoy_http_${name}`, help, stat(name)).add(labels, stats[counter]);
  for (let at = 1; at <= 5; at++) {
    into.counter('envoy_http_downstream_rq_xx', 'Requests by class of their status', stat('downstream_rq_{envoy_response_code_class}xx'))
      .add({ ...labels, envoy_response_code_class: String(at) }, stats.rqByClass[at]);
  }
  const counts = observer.ofChain(key);
  if (!counts) return;
  into.histogram('envoy_http_downstream_rq_time', 'Milliseconds from the first byte of a request to its end', stat('downstream_rq_time'))
    .addHistogram(labels, counts.time);
  for (const [flag, value] of counts.byFlag) {
    into.counter('meshwright_http_response_flags_total', 'Requests by Envoy\'s response flag', stat('response_flags.{flag}')).add({ ...labels, flag }, value);
  }
}

function collectTcp(key: string, { statPrefix }: TcpProxyConfig, stats: TcpCounters, observer: RequestObserver, into: Families): void {
  const labels = { envoy_tcp_prefix: statPrefix };
  const stat = (name: string): string => `tcp.{envoy_tcp_prefix}.${name}`;
  for (const [name, counter, help] of TCP_COUNTERS) into.counter(`envoy_tcp_${name}`, help, stat(name)).add(labels, stats[counter]);
  into.gauge('envoy_tcp_downstream_cx_active', 'Connections open', stat('downstream_cx_active')).add(labels, stats.cxActive);
  for (const [flag, value] of observer.ofChain(key)?.byFlag ?? []) {
    into.counter('meshwright_tcp_response_flags_total', 'Connections by Envoy\'s response flag', stat('response_flags.{flag}')).add({ ...labels, flag }, value);
  }
}

function collectCluster(cluster: Cluster, observer: RequestObserver, into: Families): void {
  const { stats, config } = cluster;
  const labels = { envoy_cluster_name: config.statName };
  const stat = (name: string): string => `cluster.{envoy_cluster_name}.${name}`;
  // All workers see the same endpoints, and what is in use in the pod.
  const gauge = (name: string, help: string, value: number): void => into.gauge(`envoy_cluster_${name}`, help, stat(name), 'same').add(labels, value);
  for (const [name, key, help] of CLUSTER_COUNTERS) into.counter(`envoy_cluster_${name}`, help, stat(name)).add(labels, stats[key]);
  if (config.http2 !== undefined || config.autoHttp2 !== undefined) {
    for (const [name, key, help] of HTTP2_COUNTERS) into.counter(`envoy_cluster_http2_${name}`, help, stat(`http2.${name}`)).add(labels, stats[key]);
  }
  for (let at = 1; at <= 5; at++) {
    into.counter('envoy_cluster_upstream_rq_xx', 'Requests by class of their status', stat('upstream_rq_{envoy_response_code_class}xx'))
      .add({ ...labels, envoy_response_code_class: String(at) }, stats.rqByClass[at]);
  }
  const counts = observer.ofCluster(cluster);
  if (counts) {
    into.histogram('envoy_cluster_upstream_rq_time', 'Milliseconds from the first byte of a request to its end, all tries included', stat('upstream_rq_time'))
      .addHistogram(labels, counts.time);
    for (const [status, value] of counts.statuses()) {
      into.counter('envoy_cluster_upstream_rq', 'Requests by status', stat('upstream_rq_{envoy_response_code}'))
        .add({ ...labels, envoy_response_code: String(status) }, value);
    }
  }
  const hosts = cluster.hosts();
  const { limits } = config;
  gauge('membership_total', 'Endpoints', hosts.length);
  gauge('membership_healthy', 'Endpoints that take requests', hosts.filter((host) => host.healthy).length);
  gauge('outlier_detection_ejections_active', 'Endpoints that outlier detection has ejected', hosts.filter((host) => host.ejected).length);
  gauge('upstream_cx_active', 'Connections open', cluster.connections);
  gauge('upstream_rq_active', 'Tries in flight', cluster.activeRequests);
  gauge('upstream_rq_pending_active', 'Requests that wait for a connection', cluster.pending);
  gauge('circuit_breakers_default_cx_open', 'Whether max_connections is reached', Number(cluster.connections >= limits.maxConnections));
  gauge('circuit_breakers_default_rq_pending_open', 'Whether max_pending_requests is reached', Number(cluster.pending >= limits.maxPendingRequests));
  gauge('circuit_breakers_default_rq_open', 'Whether max_requests is reached', Number(cluster.activeRequests >= limits.maxRequests));
  if (cluster.breakerState === undefined) return;
  for (const state of BREAKER_STATES) {
    into.gauge('meshwright_circuit_breaker_state', 'State of the circuit breaker: 1 for the one that it is in', stat('circuit_breaker.state.{state}'), 'same')
      .add({ ...labels, state }, Number(cluster.breakerState === state));
  }
  for (const [name, key, help] of BREAKER_COUNTERS) {
    into.counter(`meshwright_circuit_breaker_${name}_total`, help, stat(`circuit_breaker.${name}`)).add(labels, stats[key]);
  }
}
