import { HTTPFaultSchema, unpackAnyAs, type Any, type FractionalPercent, type HTTPFault } from '../../../xds';
import type { FaultConfig } from '../body-types';
import type { Problems } from '../problems';
import { inRange, perMillion, positiveDuration } from './scalars';

/** envoy.filters.http.fault, of a listener or of a route; undefined where it is another filter. `config` is undefined where nothing is injected. */
export function faultFilter(any: Any, name: string, path: string, problems: Problems) {
  const fault = unpackAnyAs(HTTPFaultSchema, any);
  return fault && { kind: 'fault' as const, name, config: faultConfig(fault, path, problems) };
}

function faultConfig({ delay, abort }: HTTPFault, path: string, problems: Problems): FaultConfig | undefined {
  const made: FaultConfig = {
    delay: delay && {
      duration: fixedDelay(delay.faultDelaySecifier, `${path}.delay`, problems), perMillion: fraction(delay.percentage, `${path}.delay`, problems),
    },
    abort: abort && { ...status(abort.errorType, `${path}.abort`, problems), perMillion: fraction(abort.percentage, `${path}.abort`, problems) },
  };
  return delay === undefined && abort === undefined ? undefined : made;
}

/** Absent is never, as in Envoy. */
function fraction(percentage: FractionalPercent | undefined, path: string, problems: Problems): number {
  return percentage === undefined ? 0 : perMillion(percentage, `${path}.percentage`, problems);
}

type Delay = NonNullable<HTTPFault['delay']>['faultDelaySecifier'];

function fixedDelay(specifier: Delay, path: string, problems: Problems): number {
  if (specifier.case !== 'fixedDelay') problems.add(`${path}.fixed_delay`, 'is required');
  return specifier.case === 'fixedDelay' ? positiveDuration(specifier.value, 0, `${path}.fixed_delay`, problems) : 0;
}

type Abort = NonNullable<HTTPFault['abort']>['errorType'];

function status(type: Abort, path: string, problems: Problems): { status: number | undefined; grpcStatus: number | undefined } {
  switch (type.case) {
    case 'httpStatus': return { status: inRange(type.value, 200, 599, `${path}.http_status`, problems), grpcStatus: undefined };
    case 'grpcStatus': return { status: undefined, grpcStatus: inRange(type.value, 1, 16, `${path}.grpc_status`, problems) };
    default:
      problems.add(path, 'needs http_status or grpc_status');
      return { status: undefined, grpcStatus: undefined };
  }
}
