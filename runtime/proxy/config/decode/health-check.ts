import type { HealthCheck } from '../../../xds';
import type { Problems } from '../problems';
import { show } from '../problems';
import type { HealthCheckConfig } from '../types';
import { durationOrOff, inRange, positiveDuration } from './scalars';

/** A Host and a path of a request, as they go into a request's head. */
const HOST = /^[a-z0-9._:[\]-]+$/i;
const PATH = /^\/[\x21\x22\x24-\x7e]*$/;

/**
 * The one that a cluster may have.
 *
 * @param clusterName the host that is asked for where the check names none, as in Envoy.
 */
export function healthCheck(
  checks: readonly HealthCheck[], clusterName: string, speaksHttp2: boolean, problems: Problems,
): HealthCheckConfig | undefined {
  if (checks.length > 1) problems.add('health_checks', `${checks.length} are not supported: one`);
  if (checks.length === 0) return undefined;
  const [check] = checks;
  const at = 'health_checks[0]';
  for (const [field, value] of [['timeout', check.timeout], ['interval', check.interval], ['unhealthy_threshold', check.unhealthyThreshold],
    ['healthy_threshold', check.healthyThreshold]] as const) if (value === undefined) problems.add(`${at}.${field}`, 'is required');
  const common = {
    timeout: positiveDuration(check.timeout, 1000, `${at}.timeout`, problems),
    interval: positiveDuration(check.interval, 1000, `${at}.interval`, problems),
    unhealthyInterval: durationOrOff(check.unhealthyInterval, 0, `${at}.unhealthy_interval`, problems),
    initialJitter: durationOrOff(check.initialJitter, 0, `${at}.initial_jitter`, problems),
    intervalJitter: durationOrOff(check.intervalJitter, 0, `${at}.interval_jitter`, problems),
    intervalJitterPercent: check.intervalJitterPercent,
    unhealthyThreshold: Math.max(1, check.unhealthyThreshold ?? 1),
    healthyThreshold: Math.max(1, check.healthyThreshold ?? 1),
  };
  const host = (value: string, path: string): string => {
    const asked = value === '' ? clusterName : value;
    if (!HOST.test(asked)) problems.add(path, `${show(asked)} is not a host`);
    return asked;
  };
  const { healthChecker: kind } = check;
  switch (kind.case) {
    case 'httpHealthCheck': {
      const { path, expectedStatuses } = kind.value;
      if (!PATH.test(path)) problems.add(`${at}.http_health_check.path`, `${show(path)} is not a path`);
      expectedStatuses.forEach(({ start, end }, index) => {
        const from = `${at}.http_health_check.expected_statuses[${index}]`;
        inRange(Number(start), 100, 600, `${from}.start`, problems);
        inRange(Number(end), Number(start) + 1, 600, `${from}.end`, problems);
      });
      return {
        kind: 'http', ...common, path, host: host(kind.value.host, `${at}.http_health_check.host`),
        expectedStatuses: expectedStatuses.length === 0 ? [{ start: 200, end: 201 }]
          : expectedStatuses.map(({ start, end }) => ({ start: Number(start), end: Number(end) })),
      };
    }
    case 'grpcHealthCheck': {
      const { serviceName, authority } = kind.value;
      if (!speaksHttp2) problems.add(`${at}.grpc_health_check`, 'needs a cluster with http2_protocol_options');
      if (Buffer.byteLength(serviceName) > 127) problems.add(`${at}.grpc_health_check.service_name`, 'must have at most 127 bytes');
      return { kind: 'grpc', ...common, service: serviceName, host: host(authority, `${at}.grpc_health_check.authority`) };
    }
    case 'tcpHealthCheck':
      return { kind: 'tcp', ...common };
    default:
      problems.add(at, 'needs one of http_health_check, grpc_health_check, tcp_health_check');
      return undefined;
  }
}
