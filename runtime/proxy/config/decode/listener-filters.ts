import { HttpInspectorSchema, OriginalDstSchema, TlsInspectorSchema, unpackAnyAs, type Listener } from '../../../xds';
import type { Problems } from '../problems';
import type { FilterChainConfig, InspectConfig } from '../types';
import { durationOrOff } from './scalars';

/** Envoy's default. */
const TIMEOUT = 15_000;

/** Whether a redirected connection counts as one to where it was meant to go. */
export function readsOriginalDestination(message: Listener): boolean {
  return message.listenerFilters.some(({ configType }) => unpackAnyAs(OriginalDstSchema, configType.case === 'typedConfig' ? configType.value : undefined) !== undefined);
}

/** Listener filters. As Envoy, a listener whose chains ask for what only tls_inspector can know has it without saying so. */
export function inspection(message: Listener, chains: readonly FilterChainConfig[], problems: Problems): InspectConfig {
  let tls = false;
  let http = false;
  message.listenerFilters.forEach(({ configType }, index) => {
    const any = configType.case === 'typedConfig' ? configType.value : undefined;
    if (unpackAnyAs(TlsInspectorSchema, any)) tls = true;
    else if (unpackAnyAs(HttpInspectorSchema, any)) http = true;
    else if (!unpackAnyAs(OriginalDstSchema, any)) problems.add(`listener_filters[${index}].typed_config`, 'must be OriginalDst, TlsInspector or HttpInspector');
  });
  const needsTls = chains.some(({ match: { transportProtocol, serverNames, applicationProtocols } }) =>
    transportProtocol === 'tls' || (transportProtocol === undefined && (serverNames.length > 0 || applicationProtocols.length > 0)));
  return {
    tls: tls || needsTls,
    http,
    timeout: durationOrOff(message.listenerFiltersTimeout, TIMEOUT, 'listener_filters_timeout', problems),
    continueOnTimeout: message.continueOnListenerFiltersTimeout,
  };
}
