import { create, duration, FilterChainSchema, packAny, SetFilterStateSchema, TcpProxySchema, type FilterChain } from '../../xds';
import type { MeshSettings } from '../model';
import { connectionLog } from './access-log';
import { INBOUND, OUTSIDE } from './names';

/** Where the bytes of a listener go. */
export interface BytesTo {
  readonly cluster: string;
  readonly idleTimeout: number | undefined;
  /** How old a connection may become; undefined: no bound. */
  readonly maxConnectionDuration?: number | undefined;
  /** The endpoint is picked by the address of the client. */
  readonly bySource: boolean;
  /** What a tunnel of TLS says that it carries, in place of what the cluster offers. */
  readonly tunnelled?: string | undefined;
}

/** A chain that passes bytes on. */
export function tcpChain(
  statPrefix: string, { accessLogPercent }: MeshSettings, { cluster, idleTimeout, maxConnectionDuration, bySource, tunnelled }: BytesTo,
): FilterChain {
  const proxy = create(TcpProxySchema, {
    statPrefix,
    clusterSpecifier: { case: 'cluster', value: cluster },
    // Envoy's own is an hour; here it is what the service says.
    idleTimeout: duration(idleTimeout ?? 0),
    maxDownstreamConnectionDuration: maxConnectionDuration === undefined ? undefined : duration(maxConnectionDuration),
    maxConnectAttempts: 1,
    hashPolicy: bySource ? [{ policySpecifier: { case: 'sourceIp', value: {} } }] : [],
    // Within the mesh nobody is denied on the way out.
    accessLog: accessLogPercent === undefined && statPrefix !== INBOUND && statPrefix !== OUTSIDE ? [] : [connectionLog(accessLogPercent)],
  });
  return create(FilterChainSchema, {
    filters: [
      ...tunnelled === undefined ? [] : [offered(tunnelled)],
      { name: 'envoy.filters.network.tcp_proxy', configType: { case: 'typedConfig', value: packAny(TcpProxySchema, proxy) } },
    ],
  });
}

/** Envoy's well-known filter state: what an upstream is offered by ALPN. */
function offered(protocol: string) {
  const state = create(SetFilterStateSchema, {
    onNewConnection: [{
      key: { case: 'objectKey', value: 'envoy.network.application_protocols' },
      value: { case: 'formatString', value: { format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: protocol } } } } },
    }],
  });
  return { name: 'envoy.filters.network.set_filter_state', configType: { case: 'typedConfig' as const, value: packAny(SetFilterStateSchema, state) } };
}
