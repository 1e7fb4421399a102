import { INBOUND_PORT, OUTBOUND_PORT } from '../../../src/contract';
import {
  ApiVersion, create, duration, FilterChainSchema, HttpConnectionManager_CodecType,
  HttpConnectionManager_PathWithEscapedSlashesAction, HttpConnectionManager_ServerHeaderTransformation, HttpConnectionManagerSchema,
  HttpFilterSchema, HttpInspectorSchema, ListenerFilterSchema, OriginalDstSchema, ListenerSchema, packAny, RouterSchema, TlsInspectorSchema,
  TrafficDirection, type FilterChain, type HttpFilter, type Listener, type ListenerFilter,
} from '../../xds';
import type { Service } from '../model';
import { accessLog } from './access-log';
import { bodyFilters, limitFilters } from './bodies';
import { firstBytes, SEEN, seesHttp, TUNNELLED } from './detection';
import { faultFilters } from './fault';
import { HTTP2_LIMITS } from './http2';
import { authorizationFilter, connectionAuthorization, isJudged, serverSocket } from './identity';
import type { Init } from './init';
import { DETECTED, INBOUND, inboundClusterName, OUTBOUND, OUTSIDE, type DetectedProtocol } from './names';
import { rateLimitFilter } from './rate-limit';
import { inboundRoutes } from './routes';
import { tcpChain } from './tcp-proxy';
import { tokenFilter } from './tokens';
import type { ProxyNode } from './types';

/** `value` of `server` in answers that a proxy makes itself. */
const SERVER_NAME = 'meshwright';
/** A connection without a request for so long is closed. */
const IDLE_TIMEOUT = 3_600_000;
/** A request's head must be there after so long; a slower client is answered 408. */
const HEAD_TIMEOUT = 10_000;
/** A handshake that is not done by then is given up. */
const HANDSHAKE_TIMEOUT = 5000;
/** Bytes of a connection that are buffered; what a retry may have to send again lies within it. */
const BUFFER_LIMIT = 1_048_576;

type HcmInit = Init<typeof HttpConnectionManagerSchema>;

/** What the listeners of all pods of a service have in common: everything but their address. */
export interface FilterChains {
  /** Several where plain text is taken beside TLS, or what is spoken is not declared: what it is, is seen by its first bytes. */
  readonly inbound: readonly FilterChain[];
  readonly outbound: FilterChain;
}

/** Names of the inbound chains; metrics carry them, so that plain text is counted. */
const MUTUAL_TLS = 'mtls';
const PLAIN_TEXT = 'plaintext';
/** A client that says nothing for so long is taken for one of plain text whose server speaks first. */
const INSPECTION = 1000;

export function filterChains(service: Service): FilterChains {
  return {
    inbound: inboundChains(service),
    outbound: outboundChain(OUTBOUND, service),
  };
}

/** What the application sends, by the routes of that name. */
export function outboundChain(name: string, service: Service, filters: readonly HttpFilter[] = []): FilterChain {
  return filterChain(name, service, {
    // Which version the application's clients speak does not depend on what its upstreams speak: each is translated into the other.
    ...codec(HttpConnectionManager_CodecType.AUTO),
    routeSpecifier: {
      case: 'rds',
      value: {
        routeConfigName: name,
        configSource: {
          configSourceSpecifier: { case: 'ads', value: {} },
          resourceApiVersion: ApiVersion.V3,
          // Never listen before the routes are there.
          initialFetchTimeout: duration(0),
        },
      },
    },
    httpFilters: [...filters, router()],
  });
}

function inboundChains(service: Service): FilterChain[] {
  const { encryption, detects, mesh: { security } } = service;
  if (security !== 'certificates') {
    return detects ? [...plainTextChains(service, false, ''), named(inboundChain(service, false), 'tls', firstBytes('tls'))] : [inboundChain(service, false)];
  }
  const strict = encryption === 'strict';
  const mutual = (match?: FilterChain['filterChainMatch'], detected?: DetectedProtocol) => {
    const chain = named(inboundChain(service, false, detected), detected ? `${MUTUAL_TLS}/${detected}` : MUTUAL_TLS, match);
    chain.transportSocket = serverSocket(service, detected);
    chain.transportSocketConnectTimeout = duration(HANDSHAKE_TIMEOUT);
    return chain;
  };
  const transport = strict ? '' : 'tls';
  const told = detects ? DETECTED.map((detected) => mutual(firstBytes(transport, TUNNELLED[detected]), detected)) : [];
  const others = mutual(strict ? undefined : firstBytes('tls'));
  return [...told, others, ...strict ? [] : plainTextChains(service, true, PLAIN_TEXT)];
}

function plainTextChains(service: Service, besideTls: boolean, name: string): FilterChain[] {
  const seen = service.detects ? DETECTED : [];
  return [
    ...seen.map((detected) => named(
      inboundChain(service, besideTls, detected), name === '' ? detected : `${name}/${detected}`, firstBytes('raw_buffer', SEEN[detected]),
    )),
    named(inboundChain(service, besideTls), name === '' ? 'bytes' : name, firstBytes('raw_buffer')),
  ];
}

function named(chain: FilterChain, name: string, match: FilterChain['filterChainMatch']): FilterChain {
  chain.name = name;
  chain.filterChainMatch = match;
  return chain;
}

function inboundChain(service: Service, plainText: boolean, detected?: DetectedProtocol): FilterChain {
  const { mesh, port, idleTimeout, rateLimits, authentication } = service;
  const spoken = detected ?? service.protocol;
  const judged = isJudged(service, plainText);
  if (spoken === 'tcp') {
    const chain = tcpChain(INBOUND, mesh, { cluster: inboundClusterName(port), idleTimeout, bySource: false });
    if (judged) chain.filters.unshift(connectionAuthorization(service));
    return chain;
  }
  return filterChain(INBOUND, service, {
    // Who declares HTTP/2 is still called by clients of HTTP/1.1 that are no proxies of this mesh.
    ...codec(spoken === 'http' ? HttpConnectionManager_CodecType.HTTP1 : HttpConnectionManager_CodecType.AUTO),
    // With the listener: it changes only when the listener does.
    routeSpecifier: { case: 'routeConfig', value: inboundRoutes(service, detected) },
    httpFilters: [
      ...authentication === undefined ? [] : [tokenFilter(service, authentication)],
      ...judged ? [authorizationFilter(service)] : [],
      ...rateLimits.map(rateLimitFilter),
      ...limitFilters(service),
      ...faultFilters(service.faults),
      ...bodyFilters(service),
      router(),
    ],
  });
}

/** The listener at which the application reaches a service of bytes. */
export function bytesListener(name: string, localPort: number, chains: readonly FilterChain[], loopback: string): Listener {
  return listener(name, loopback, localPort, TrafficDirection.OUTBOUND, chains);
}

export function inboundListener({ inbound }: FilterChains, node: ProxyNode): Listener {
  return listener(INBOUND, node.podIp, INBOUND_PORT, TrafficDirection.INBOUND, inbound);
}

export function outboundListener({ outbound }: FilterChains, node: ProxyNode): Listener {
  return listener(OUTBOUND, node.loopback, OUTBOUND_PORT, TrafficDirection.OUTBOUND, [outbound]);
}

/** A listener that redirected connections come to; `fallback` serves what no chain does, and without it such a connection is closed. */
export function interceptedListener(
  name: string, address: string, port: number, inbound: boolean, chains: readonly FilterChain[], fallback: FilterChain | false,
): Listener {
  const made = listener(name, address, port, inbound ? TrafficDirection.INBOUND : TrafficDirection.OUTBOUND, chains);
  const byFirstBytes = chains.some(({ filterChainMatch }) => filterChainMatch?.transportProtocol || filterChainMatch?.applicationProtocols.length);
  const original = create(ListenerFilterSchema, {
    name: 'envoy.filters.listener.original_dst',
    configType: { case: 'typedConfig', value: packAny(OriginalDstSchema, create(OriginalDstSchema)) },
  });
  return {
    ...made,
    listenerFilters: [original, ...byFirstBytes ? inspectors(chains) : []],
    ...!byFirstBytes && { listenerFiltersTimeout: undefined, continueOnListenerFiltersTimeout: false },
    ...fallback && { defaultFilterChain: fallback },
  };
}

function listener(name: string, address: string, port: number, trafficDirection: TrafficDirection, chains: readonly FilterChain[]): Listener {
  return create(ListenerSchema, {
    name,
    address: { address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } } },
    trafficDirection,
    perConnectionBufferLimitBytes: BUFFER_LIMIT,
    ...chains.length > 1 && {
      listenerFilters: inspectors(chains), listenerFiltersTimeout: duration(INSPECTION), continueOnListenerFiltersTimeout: true,
    },
    filterChains: [...chains],
  });
}

function inspectors(chains: readonly FilterChain[]): ListenerFilter[] {
  const tls = create(ListenerFilterSchema, {
    name: 'envoy.filters.listener.tls_inspector',
    configType: { case: 'typedConfig', value: packAny(TlsInspectorSchema, create(TlsInspectorSchema)) },
  });
  if (!seesHttp(chains)) return [tls];
  const http = create(ListenerFilterSchema, {
    name: 'envoy.filters.listener.http_inspector',
    configType: { case: 'typedConfig', value: packAny(HttpInspectorSchema, create(HttpInspectorSchema)) },
  });
  return [tls, http];
}

function filterChain(name: string, { mesh }: Service, init: HcmInit): FilterChain {
  const manager = create(HttpConnectionManagerSchema, {
    ...init,
    ...protocol(name),
    // Within the mesh nobody is denied on the way out.
    accessLog: mesh.accessLogPercent === undefined && name !== INBOUND && name !== OUTSIDE ? [] : [accessLog(mesh.accessLogPercent)],
  });
  return create(FilterChainSchema, {
    filters: [{
      name: 'envoy.filters.network.http_connection_manager',
      configType: { case: 'typedConfig', value: packAny(HttpConnectionManagerSchema, manager) },
    }],
  });
}

function codec(codecType: HttpConnectionManager_CodecType): HcmInit {
  if (codecType !== HttpConnectionManager_CodecType.HTTP1) return { codecType, requestTimeout: duration(0), http2ProtocolOptions: HTTP2_LIMITS };
  // A client that sends its body ever so slowly holds its connection no longer than one that sends nothing. A stream of HTTP/2 may be a call that
  // goes on for days.
  return { codecType, requestTimeout: duration(IDLE_TIMEOUT) };
}

/** What both listeners say of HTTP. Written out wherever Envoy's default would do something that nobody asked for. */
function protocol(statPrefix: string): HcmInit {
  return {
    statPrefix,
    // How long a request may take is said by timeouts; no silent limit beside them.
    streamIdleTimeout: duration(0),
    requestHeadersTimeout: duration(HEAD_TIMEOUT),
    maxRequestHeadersKb: 60,
    commonHttpProtocolOptions: { idleTimeout: duration(IDLE_TIMEOUT) },
    upgradeConfigs: [{ upgradeType: 'websocket' }],
    useRemoteAddress: true,
    // Nobody is inside: headers x-envoy-* of a request are not obeyed, so that only what is declared retries or times out.
    internalAddressConfig: {},
    generateRequestId: true,
    preserveExternalRequestId: true,
    serverName: SERVER_NAME,
    serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH,
    // A path reaches the application as it was sent, and routes match what was sent.
    normalizePath: false,
    mergeSlashes: false,
    pathWithEscapedSlashesAction: HttpConnectionManager_PathWithEscapedSlashesAction.KEEP_UNCHANGED,
  };
}

/** The last filter of every chain. */
function router(): HttpFilter {
  return create(HttpFilterSchema, {
    name: 'envoy.filters.http.router',
    configType: { case: 'typedConfig', value: packAny(RouterSchema, create(RouterSchema, { suppressEnvoyHeaders: true })) },
  });
}
