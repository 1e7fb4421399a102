import {
  AccessLogSchema, ComparisonFilter_Op, create, FractionalPercent_DenominatorType, packAny, StdoutAccessLogSchema, type AccessLog, type MessageInit,
} from '../../xds';

/** Members of a log line. Only headers that carry no secret. */
const FORMAT = {
  time: '%START_TIME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(:PATH)%',
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
};

type Filter = MessageInit<typeof AccessLogSchema>['filter'];

/**
 * One JSON object a line on standard output: `successPercent` of the requests that were answered below 500, and all others. A request that had no
 * answer counts as status 0.
 */
export function accessLog(successPercent: number): AccessLog {
  return log(FORMAT, successPercent === 100 ? undefined : sampled(successPercent));
}

/** One line for each connection that carried bytes, when it ends: `successPercent` of them. */
export function connectionLog(successPercent: number): AccessLog {
  return log(CONNECTION_FORMAT, successPercent === 100 ? undefined : share(successPercent));
}

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

function sampled(successPercent: number): Filter {
  const status = (op: ComparisonFilter_Op, value: number) => ({
    filterSpecifier: {
      case: 'statusCodeFilter' as const,
      value: { comparison: { op, value: { defaultValue: value, runtimeKey: 'meshwright.access_log.status' } } },
    },
  });
  return {
    filterSpecifier: {
      case: 'orFilter',
      value: { filters: [status(ComparisonFilter_Op.GE, 500), status(ComparisonFilter_Op.EQ, 0), share(successPercent)] },
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
