import { dirname } from 'node:path/posix';
import {
  ApiVersion, ConfigSourceSchema, create, ClusterSchema, DataSourceSchema, DownstreamTlsContextSchema, FilterChainSchema, ListenerSchema, packAny,
  TransportSocketSchema, unpackAnyAs, UpstreamTlsContextSchema, type Any, type Cluster, type CommonTlsContext, type ConfigSource, type Listener,
  type TransportSocket,
} from '../../xds';
import { SVID } from './identity';

type BySource<M> = WeakMap<object, Map<string, M>>;

const clusters: BySource<Cluster> = new WeakMap();
const listeners: BySource<Listener> = new WeakMap();

/**
 * A cluster for a client that has its own certificate, as an Envoy has it. Our own proxy asks for its certificate, and brings it as if it had come by ADS.
 * @param source `static`, or the path of a file; undefined: it is one of ours
 */
export function clusterWithOwnSvid(cluster: Cluster, source: string | undefined): Cluster {
  if (source === undefined) return cluster;
  return remembered(clusters, cluster, source, () => (
    create(ClusterSchema, { ...cluster, transportSocket: socketWithOwnSvid(cluster.transportSocket, source) })));
}

/** The same of a listener. */
export function listenerWithOwnSvid(listener: Listener, source: string | undefined): Listener {
  if (source === undefined) return listener;
  return remembered(listeners, listener, source, () => create(ListenerSchema, {
    ...listener,
    filterChains: listener.filterChains.map((chain) => (
      create(FilterChainSchema, { ...chain, transportSocket: socketWithOwnSvid(chain.transportSocket, source) }))),
  }));
}

function remembered<M extends object>(made: BySource<M>, from: M, source: string, make: () => M): M {
  const of = made.get(from) ?? new Map<string, M>();
  made.set(from, of);
  const found = of.get(source) ?? make();
  of.set(source, found);
  return found;
}

function socketWithOwnSvid(socket: TransportSocket | undefined, source: string): TransportSocket | undefined {
  if (socket?.configType.case !== 'typedConfig') return socket;
  const context = contextWithOwnSvid(socket.configType.value, source);
  return context ? create(TransportSocketSchema, { ...socket, configType: { case: 'typedConfig', value: context } }) : socket;
}

function contextWithOwnSvid(any: Any, source: string): Any | undefined {
  const up = unpackAnyAs(UpstreamTlsContextSchema, any);
  if (up) return packAny(UpstreamTlsContextSchema, { ...up, commonTlsContext: withFile(withSource(up.commonTlsContext, source)) });
  const down = unpackAnyAs(DownstreamTlsContextSchema, any);
  return down && packAny(DownstreamTlsContextSchema, { ...down, commonTlsContext: withSource(down.commonTlsContext, source) });
}

/**
 * A secret that is named without a source is one of `static_resources.secrets` (SdsSecretConfig.sds_config), which an Envoy reads once. One that is in a file of
 * its own is read again whenever something is moved into the file's folder. The message was just decoded, and is nobody else's.
 */
function withSource(common: CommonTlsContext | undefined, source: string): CommonTlsContext | undefined {
  for (const secret of common?.tlsCertificateSdsSecretConfigs ?? []) {
    if (secret.name === SVID) secret.sdsConfig = source === STATIC ? undefined : fileSource(source);
  }
  return common;
}

const STATIC = 'static';

function fileSource(path: string): ConfigSource {
  return create(ConfigSourceSchema, {
    configSourceSpecifier: { case: 'pathConfigSource', value: { path, watchedDirectory: { path: dirname(path) } } }, resourceApiVersion: ApiVersion.V3,
  });
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
