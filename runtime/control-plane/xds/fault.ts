import { create, duration, FractionalPercent_DenominatorType, HttpFilterSchema, HTTPFaultSchema, packAny, type HttpFilter } from '../../xds';
import type { Fault } from '../model';

/** A filter of its own for each fault, so that each is drawn for by itself; delays first, which then may be aborted. */
export function faultFilters(faults: readonly Fault[] = []): HttpFilter[] {
  const ordered = [...faults.filter(({ kind }) => kind === 'delay'), ...faults.filter(({ kind }) => kind === 'abort')];
  return ordered.map((fault, index) => create(HttpFilterSchema, {
    name: index === 0 ? 'envoy.filters.http.fault' : `envoy.filters.http.fault.${index}`,
    configType: { case: 'typedConfig', value: packAny(HTTPFaultSchema, create(HTTPFaultSchema, faultOf(fault))) },
  }));
}

function faultOf(fault: Fault) {
  const percentage = { numerator: fault.percent, denominator: FractionalPercent_DenominatorType.HUNDRED };
  return fault.kind === 'delay'
    ? { delay: { faultDelaySecifier: { case: 'fixedDelay' as const, value: duration(fault.delay) }, percentage } }
    : { abort: { errorType: { case: 'httpStatus' as const, value: fault.status }, percentage } };
}
