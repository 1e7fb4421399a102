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

type Filter = MessageInit<typeof AccessLogSchema>['filter'];

/**
 * One JSON object a line on standard output: `successPercent` of the requests that were answered below 500, and all others. A request that had no
 * answer counts as status 0.
 */
export function accessLog(successPercent: number): AccessLog {
  return create(AccessLogSchema, {
    name: 'envoy.access_loggers.stdout',
    filter: successPercent === 100 ? undefined : sampled(successPercent),
    configType: {
      case: 'typedConfig',
      value: packAny(StdoutAccessLogSchema, create(StdoutAccessLogSchema, {
        accessLogFormat: { case: 'logFormat', value: { format: { case: 'jsonFormat', value: FORMAT } } },
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
  const share = {
    filterSpecifier: {
      case: 'runtimeFilter' as const,
      value: {
        runtimeKey: 'meshwright.access_log.success',
        percentSampled: { numerator: successPercent, denominator: FractionalPercent_DenominatorType.HUNDRED },
        useIndependentRandomness: true,
      },
    },
  };
  return {
    filterSpecifier: {
      case: 'orFilter',
      value: { filters: [status(ComparisonFilter_Op.GE, 500), status(ComparisonFilter_Op.EQ, 0), share] },
    },
  };
}
