import {
  AccessLogSchema, ComparisonFilter_Op, create, FractionalPercent_DenominatorType, packAny, StdoutAccessLogSchema, type AccessLog, type MessageInit,
} from '../../xds';

/** Members of a log line. Only headers that carry no secret, and the path without its query, where tokens and names of people stand. */
const FORMAT = {
  time: '%START_TIME%',
  method: '%REQ(:METHOD)%',
  path: '%PATH(NQ:PATH)%',
  authority: '%REQ(:AUTHORITY)%',
  protocol: '%PROTOCOL%',
  status: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration_ms: '%DURATION%',
  upstream_cluster: '%UPSTREAM_CLUSTER%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_tries: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  route: '%ROUTE_NAME%',
  downstream: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  peer: '%DOWNSTREAM_PEER_URI_SAN%',
  request_id: '%REQ(X-REQUEST-ID)%',
  traceparent: '%REQ(TRACEPARENT)%',
  user_agent: '%REQ(USER-AGENT)%',
};

/** The same of a connection that carries bytes. */
const CONNECTION_FORMAT = {
  time: '%START_TIME%',
  protocol: 'tcp',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration_ms: '%DURATION%',
  upstream_cluster: '%UPSTREAM_CLUSTER%',
  upstream_host: '%UPSTREAM_HOST%',
  downstream: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  peer: '%DOWNSTREAM_PEER_URI_SAN%',
};

type Filter = MessageInit<typeof AccessLogSchema>['filter'];

/**
 * One JSON object a line on standard output: `successPercent` of the requests that were answered below 500, and all others. A request that had no
 * answer counts as status 0. Undefined: only who was denied.
 */
export function accessLog(successPercent: number | undefined): AccessLog {
  if (successPercent === undefined) return log(FORMAT, DENIED);
  if (successPercent === 100) return log(FORMAT, undefined);
  return log(FORMAT, anyOf(status(ComparisonFilter_Op.GE, 500), status(ComparisonFilter_Op.EQ, 0), share(successPercent), DENIED));
}

/** One line for each connection that carried bytes, when it ends: `successPercent` of them, and all that were denied. */
export function connectionLog(successPercent: number | undefined): AccessLog {
  if (successPercent === undefined) return log(CONNECTION_FORMAT, DENIED);
  return log(CONNECTION_FORMAT, successPercent === 100 ? undefined : anyOf(share(successPercent), DENIED));
}

/** Who may not, and who has not said who it is. */
const DENIED = { filterSpecifier: { case: 'responseFlagFilter' as const, value: { flags: ['UAEX'] } } };

function log(format: Readonly<Record<string, string>>, filter: Filter): AccessLog {
  return create(AccessLogSchema, {
    name: 'envoy.access_loggers.stdout',
    filter,
    configType: {
      case: 'typedConfig',
      value: packAny(StdoutAccessLogSchema, create(StdoutAccessLogSchema, {
        accessLogFormat: { case: 'logFormat', value: { format: { case: 'jsonFormat', value: format } } },
      })),
    },
  });
}

function anyOf(...filters: readonly NonNullable<Filter>[]): Filter {
  return { filterSpecifier: { case: 'orFilter', value: { filters: [...filters] } } };
}

function status(op: ComparisonFilter_Op, value: number) {
  return {
    filterSpecifier: {
      case: 'statusCodeFilter' as const,
      value: { comparison: { op, value: { defaultValue: value, runtimeKey: 'meshwright.access_log.status' } } },
    },
  };
}

function share(percent: number) {
  return {
    filterSpecifier: {
      case: 'runtimeFilter' as const,
      value: {
        runtimeKey: 'meshwright.access_log.success',
        percentSampled: { numerator: percent, denominator: FractionalPercent_DenominatorType.HUNDRED },
        useIndependentRandomness: true,
      },
    },
  };
}
