import {
  HttpConnectionManager_CodecType as CodecType, HttpConnectionManager_ServerHeaderTransformation as ServerHeader, type HttpConnectionManager,
} from '../../../xds';
import type { Problems } from '../problems';
import { show } from '../problems';
import type { HttpConnectionManagerConfig, RouteTableConfig } from '../types';
import { accessLog } from './access-log';
import { httpFilters } from './filters';
import { http2Limits } from './http2';
import { routeTable } from './route';
import { durationOrOff, inRange, positiveDuration } from './scalars';
import { websocket } from './upgrade';

/** Envoy's defaults. */
const STREAM_IDLE_TIMEOUT = 300_000;
const IDLE_TIMEOUT = 3_600_000;
const MAX_HEAD_KB = 60;
/** Ours: a head is put together in front of the read buffer. */
const HIGHEST_HEAD_KB = 64;

const CODEC = { [CodecType.AUTO]: 'auto', [CodecType.HTTP1]: 'http1', [CodecType.HTTP2]: 'http2' } as const;
const SERVER_HEADER = {
  [ServerHeader.OVERWRITE]: 'overwrite', [ServerHeader.APPEND_IF_ABSENT]: 'append_if_absent', [ServerHeader.PASS_THROUGH]: 'pass_through',
} as const;

/** The route table of an HTTP filter chain. */
export interface DecodedRoutes {
  readonly name: string;
  /** The table that the chain brings itself; undefined where it names one of RDS. */
  readonly inline: RouteTableConfig | undefined;
  /** References that the table asks to be checked, unless validate_clusters is false. */
  readonly validateClusters: boolean;
  /** Of the network filter in the listener. */
  readonly path: string;
}

/** Key of a chain's own route table among those of RDS, whose names have no such prefix by themselves. */
export function inlineTableName(chainKey: string): string {
  return `listener/${chainKey}`;
}

export function httpConnectionManager(
  hcm: HttpConnectionManager, chainKey: string, bufferLimit: number, path: string, problems: Problems,
): { config: HttpConnectionManagerConfig; routes: DecodedRoutes } {
  const table = routes(hcm, chainKey, path, problems);
  const validateClusters = hcm.routeSpecifier.case === 'routeConfig' && hcm.routeSpecifier.value.validateClusters !== false;
  return {
    config: { kind: 'http', bufferLimit, routeTable: table.name, ...connection(hcm, path, problems) },
    routes: { name: table.name, inline: table.inline, validateClusters, path },
  };
}

function routes(
  hcm: HttpConnectionManager, chainKey: string, path: string, problems: Problems,
): { name: string; inline: RouteTableConfig | undefined } {
  const specifier = hcm.routeSpecifier;
  if (specifier.case === 'routeConfig') {
    const name = inlineTableName(chainKey);
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

type ConnectionFields = Omit<HttpConnectionManagerConfig, 'kind' | 'bufferLimit' | 'routeTable'>;

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
    maxConnectionDuration: common?.maxConnectionDuration
      && positiveDuration(common.maxConnectionDuration, 0, `${path}.common_http_protocol_options.max_connection_duration`, problems),
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
