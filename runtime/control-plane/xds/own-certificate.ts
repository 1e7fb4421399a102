import {
  create, ClusterSchema, DataSourceSchema, DownstreamTlsContextSchema, FilterChainSchema, ListenerSchema, packAny, TransportSocketSchema, unpackAnyAs,
  UpstreamTlsContextSchema, type Any, type Cluster, type CommonTlsContext, type Listener, type TransportSocket,
} from '../../xds';
import { SVID } from './identity';

const clusters = new WeakMap<Cluster, Cluster>();
const listeners = new WeakMap<Listener, Listener>();

/**
 * A cluster for a client that has its own certificate in its bootstrap, as an Envoy has it: a secret that is named without a source is one of
 * `static_resources.secrets` (SdsSecretConfig.sds_config). Our own proxy asks for its certificate, and brings it as if it had come by ADS.
 */
export function clusterWithOwnSvid(cluster: Cluster): Cluster {
  const found = clusters.get(cluster) ?? create(ClusterSchema, { ...cluster, transportSocket: socketWithOwnSvid(cluster.transportSocket) });
  clusters.set(cluster, found);
  return found;
}

/** The same of a listener. */
export function listenerWithOwnSvid(listener: Listener): Listener {
  const found = listeners.get(listener) ?? create(ListenerSchema, {
    ...listener,
    filterChains: listener.filterChains.map((chain) => (
      create(FilterChainSchema, { ...chain, transportSocket: socketWithOwnSvid(chain.transportSocket) }))),
  });
  listeners.set(listener, found);
  return found;
}

function socketWithOwnSvid(socket: TransportSocket | undefined): TransportSocket | undefined {
  if (socket?.configType.case !== 'typedConfig') return socket;
  const context = contextWithOwnSvid(socket.configType.value);
  return context ? create(TransportSocketSchema, { ...socket, configType: { case: 'typedConfig', value: context } }) : socket;
}

function contextWithOwnSvid(any: Any): Any | undefined {
  const up = unpackAnyAs(UpstreamTlsContextSchema, any);
  if (up) return packAny(UpstreamTlsContextSchema, { ...up, commonTlsContext: withFile(withoutSource(up.commonTlsContext)) });
  const down = unpackAnyAs(DownstreamTlsContextSchema, any);
  return down && packAny(DownstreamTlsContextSchema, { ...down, commonTlsContext: withoutSource(down.commonTlsContext) });
}

/** The message was just decoded, and is nobody else's. */
function withoutSource(common: CommonTlsContext | undefined): CommonTlsContext | undefined {
  for (const secret of common?.tlsCertificateSdsSecretConfigs ?? []) if (secret.name === SVID) secret.sdsConfig = undefined;
  return common;
}

/** Envoy takes `system_root_certs` and verifies nothing: its own image has the public authorities in a file. */
const PUBLIC_AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

function withFile(common: CommonTlsContext | undefined): CommonTlsContext | undefined {
  const context = common?.validationContextType;
  if (context?.case === 'validationContext' && context.value.systemRootCerts) {
    context.value.systemRootCerts = undefined;
    context.value.trustedCa = create(DataSourceSchema, { specifier: { case: 'filename', value: PUBLIC_AUTHORITIES } });
  }
  return common;
}
