import {
  HttpConnectionManager_CodecType as CodecType, HttpConnectionManager_ServerHeaderTransformation as ServerHeader, HttpConnectionManagerSchema,
  RawBufferSchema, TrafficDirection, unpackAnyAs, type Filter, type HttpConnectionManager, type Listener, type TransportSocket,
} from '../../../xds';
import type { Problems } from '../problems';
import { show } from '../problems';
import type { ListenerConfig, RouteTableConfig } from '../types';
import { accessLog } from './access-log';
import { httpFilters } from './filters';
import { http2Limits } from './http2';
import { routeTable } from './route';
import { durationOrOff, inRange, socketAddress } from './scalars';
import { websocket } from './upgrade';

/** Envoy's defaults. */
const BUFFER_LIMIT = 1 << 20;
const STREAM_IDLE_TIMEOUT = 300_000;
const IDLE_TIMEOUT = 3_600_000;
const MAX_HEAD_KB = 60;
/** Ours: a head is put together in front of the read buffer. */
const HIGHEST_HEAD_KB = 64;

const DIRECTION = { [TrafficDirection.UNSPECIFIED]: 'unspecified', [TrafficDirection.INBOUND]: 'inbound', [TrafficDirection.OUTBOUND]: 'outbound' } as const;
const CODEC = { [CodecType.AUTO]: 'auto', [CodecType.HTTP1]: 'http1', [CodecType.HTTP2]: 'http2' } as const;
const SERVER_HEADER = {
  [ServerHeader.OVERWRITE]: 'overwrite', [ServerHeader.APPEND_IF_ABSENT]: 'append_if_absent', [ServerHeader.PASS_THROUGH]: 'pass_through',
} as const;

export interface DecodedListener {
  readonly listener: ListenerConfig;
  /** The table that the listener brings itself; undefined where it names one of RDS. */
  readonly inlineRoutes: RouteTableConfig | undefined;
  /** References that the table asks to be checked, unless validate_clusters is false. */
  readonly validateClusters: boolean;
}

/** Key of a listener's own route table among those of RDS, whose names have no such prefix by themselves. */
export function inlineTableName(listenerName: string): string {
  return `listener/${listenerName}`;
}

export function listener(message: Listener, problems: Problems): DecodedListener | undefined {
  if (message.name === '') problems.add('name', 'is required');
  const { host, port } = socketAddress(message.address, 'address', problems, { anyPort: true });
  const manager = connectionManager(message, problems);
  if (!manager) return undefined;
  const { hcm, path } = manager;
  const table = routes(hcm, message.name, path, problems);
  return {
    listener: {
      name: message.name,
      address: host,
      port,
      direction: DIRECTION[message.trafficDirection],
      bufferLimit: inRange(message.perConnectionBufferLimitBytes ?? BUFFER_LIMIT, 1_024, 1 << 30, 'per_connection_buffer_limit_bytes', problems),
      routeTable: table.name,
      ...connection(hcm, path, problems),
    },
    inlineRoutes: table.inline,
    validateClusters: hcm.routeSpecifier.case === 'routeConfig' && hcm.routeSpecifier.value.validateClusters !== false,
  };
}

/** Problems of a transport socket that is not plain TCP. */
export function plainText(socket: TransportSocket | undefined, path: string, problems: Problems): void {
  if (!socket) return;
  const any = socket.configType.case === 'typedConfig' ? socket.configType.value : undefined;
  if (!unpackAnyAs(RawBufferSchema, any)) problems.add(`${path}.typed_config`, 'must be envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer');
}

function connectionManager(message: Listener, problems: Problems): { hcm: HttpConnectionManager; path: string } | undefined {
  if (message.filterChains.length !== 1) {
    problems.add('filter_chains', `there are ${message.filterChains.length}; exactly one is supported`);
    return undefined;
  }
  const [chain] = message.filterChains;
  plainText(chain.transportSocket, 'filter_chains[0].transport_socket', problems);
  if (chain.filters.length !== 1) {
    problems.add('filter_chains[0].filters', `there are ${chain.filters.length}; exactly one, HttpConnectionManager, is supported`);
    return undefined;
  }
  const path = 'filter_chains[0].filters[0].typed_config';
  const hcm = unpackAnyAs(HttpConnectionManagerSchema, typedConfig(chain.filters[0]));
  if (!hcm) problems.add(path, 'must be envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager');
  return hcm && { hcm, path };
}

function typedConfig(filter: Filter) {
  return filter.configType.case === 'typedConfig' ? filter.configType.value : undefined;
}

function routes(
  hcm: HttpConnectionManager, listenerName: string, path: string, problems: Problems,
): { name: string; inline: RouteTableConfig | undefined } {
  const specifier = hcm.routeSpecifier;
  if (specifier.case === 'routeConfig') {
    const name = inlineTableName(listenerName);
    return { name, inline: routeTable(specifier.value, name, `${path}.route_config`, problems) };
  }
  if (specifier.case !== 'rds') {
    problems.add(path, 'needs rds or route_config');
    return { name: '', inline: undefined };
  }
  const name = specifier.value.routeConfigName;
  if (name === '') problems.add(`${path}.rds.route_config_name`, 'is required');
  if (specifier.value.configSource?.configSourceSpecifier.case !== 'ads') problems.add(`${path}.rds.config_source.ads`, 'is required: the only source');
  return { name, inline: undefined };
}

type ConnectionFields = Omit<ListenerConfig, 'name' | 'address' | 'port' | 'direction' | 'bufferLimit' | 'routeTable'>;

function connection(hcm: HttpConnectionManager, path: string, problems: Problems): ConnectionFields {
  if (hcm.statPrefix === '') problems.add(`${path}.stat_prefix`, 'is required');
  const common = hcm.commonHttpProtocolOptions;
  if (common?.maxRequestsPerConnection) {
    problems.add(`${path}.common_http_protocol_options.max_requests_per_connection`, `${common.maxRequestsPerConnection} is not supported downstream: remove it`);
  }
  if (hcm.accessLog.length > 1) problems.add(`${path}.access_log`, `there are ${hcm.accessLog.length}; at most one is supported`);
  const serverName = hcm.serverName === '' ? 'envoy' : hcm.serverName;
  if (!/^[\x21-\x7e]+$/.test(serverName)) problems.add(`${path}.server_name`, `${show(serverName)} is no value of a header`);
  return {
    statPrefix: hcm.statPrefix,
    filters: httpFilters(hcm.httpFilters, `${path}.http_filters`, problems),
    accessLog: hcm.accessLog.length === 0 ? undefined : accessLog(hcm.accessLog[0], `${path}.access_log[0]`, problems),
    streamIdleTimeout: durationOrOff(hcm.streamIdleTimeout, STREAM_IDLE_TIMEOUT, `${path}.stream_idle_timeout`, problems),
    idleTimeout: durationOrOff(common?.idleTimeout, IDLE_TIMEOUT, `${path}.common_http_protocol_options.idle_timeout`, problems),
    requestHeadersTimeout: durationOrOff(hcm.requestHeadersTimeout, 0, `${path}.request_headers_timeout`, problems),
    requestTimeout: durationOrOff(hcm.requestTimeout, 0, `${path}.request_timeout`, problems),
    maxRequestHeadBytes: 1_024 * inRange(hcm.maxRequestHeadersKb ?? MAX_HEAD_KB, 1, HIGHEST_HEAD_KB, `${path}.max_request_headers_kb`, problems),
    generateRequestId: hcm.generateRequestId ?? true,
    preserveExternalRequestId: hcm.preserveExternalRequestId,
    useRemoteAddress: hcm.useRemoteAddress ?? false,
    serverName,
    serverHeader: SERVER_HEADER[hcm.serverHeaderTransformation],
    acceptHttp10: hcm.httpProtocolOptions?.acceptHttp10 ?? false,
    websocket: websocket(hcm.upgradeConfigs, `${path}.upgrade_configs`, problems) ?? false,
    codec: hcm.codecType === CodecType.HTTP3 ? 'auto' : CODEC[hcm.codecType],
    http2: http2Limits(hcm.http2ProtocolOptions, `${path}.http2_protocol_options`, problems),
  };
}
