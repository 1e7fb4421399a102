import {
  BootstrapSchema, ClusterSchema, create, LocalitySchema, milliseconds, NodeSchema, unpackAnyAs, UpstreamHttpProtocolOptionsSchema,
  type Admin, type ApiConfigSource, type Bootstrap, type Cluster, type ConfigSource, type Http2ProtocolOptions, type Node,
} from '../../xds';
import { checkSubset } from '../config/check';
import { decodeCluster, decodeListener, decodeSecret, type Decoded, type DecodedCluster, type DecodedListener } from '../config/decode';
import { loadAssignment } from '../config/decode/endpoints';
import { positiveDuration, socketAddress, unique, type HostPort } from '../config/decode/scalars';
import { upstreamSocket } from '../config/decode/transport-socket';
import { Problems, show } from '../config/problems';
import type { SecretConfig, UpstreamTlsConfig } from '../config/types';
import { messageFromJson } from './json';
import { decodeOverload } from './overload';
import { checkReferences } from './references';
import { BootstrapError, type AdsConfig, type BootstrapConfig } from './types';

/** What the command line says about the node; each overrides the document. */
export interface NodeOverrides {
  readonly id?: string;
  readonly cluster?: string;
  readonly zone?: string;
}

/**
 * Checks and decodes a bootstrap document.
 * @param source file name, for errors.
 * @throws BootstrapError with everything that is wrong.
 */
export function decodeBootstrap(json: unknown, source: string, overrides: NodeOverrides = {}): BootstrapConfig {
  const problems = new Problems();
  const message = messageFromJson(BootstrapSchema, json, problems);
  const config = message && decodeMessage(message, overrides, problems);
  if (!config || problems.any) throw new BootstrapError(source, problems.list());
  return config;
}

function decodeMessage(message: Bootstrap, overrides: NodeOverrides, problems: Problems): BootstrapConfig {
  // Resources are checked one by one, the rest as a whole.
  checkSubset(BootstrapSchema, withoutResources(message), problems);
  const resources = message.staticResources;
  const listenerMessages = resources?.listeners ?? [];
  const clusterMessages = resources?.clusters ?? [];
  const node = nodeOf(message.node, overrides);
  const ads = adsOf(message, clusterMessages, problems);
  const adsCluster = adsClusterNames(message.dynamicResources?.adsConfig);

  const clusters: DecodedCluster[] = [];
  clusterMessages.forEach((item, index) => {
    if (!adsCluster.has(item.name)) keep(decodeCluster(item), `static_resources.clusters[${index}]`, clusters, problems);
  });
  const listeners: DecodedListener[] = [];
  listenerMessages.forEach((item, index) => keep(decodeListener(item), `static_resources.listeners[${index}]`, listeners, problems));
  const secretMessages = resources?.secrets ?? [];
  const secrets: SecretConfig[] = [];
  secretMessages.forEach((item, index) => keep(decodeSecret(item), `static_resources.secrets[${index}]`, secrets, problems));
  unique(secretMessages.map((item) => item.name), (index) => `static_resources.secrets[${index}].name`, problems);
  unique(clusterMessages.map((item) => item.name), (index) => `static_resources.clusters[${index}].name`, problems);
  unique(listenerMessages.map((item) => item.name), (index) => `static_resources.listeners[${index}].name`, problems);
  if (ads && node.id === '') problems.add('node.id', 'is required with ads_config (or --service-node)');
  if (ads && node.cluster === '') problems.add('node.cluster', 'is required with ads_config (or --service-cluster)');
  if (!ads && listenerMessages.length === 0) problems.add('', 'there is neither a static listener nor ADS: nothing to serve');
  checkReferences({ listeners, clusters, secrets, ads, listenerMessages, adsCluster }, problems);
  return {
    node,
    admin: adminOf(message.admin, problems),
    ads,
    overload: decodeOverload(message.overloadManager, 'overload_manager', problems),
    listeners,
    clusters,
    secrets,
    message,
  };
}

/** Whoever reaches the admin server may drain the proxy and read what it was told. */
function adminOf(admin: Admin | undefined, problems: Problems): HostPort | undefined {
  const address = admin?.address && socketAddress(admin.address, 'admin.address', problems, { anyPort: true });
  if (address && !/^(127\.|::1$|::ffff:127\.)/.test(address.host)) {
    problems.add('admin.address', `${show(address.host)} must be a loopback address, such as 127.0.0.1; probes and scrapers have --health-address`);
  }
  return address;
}

function keep<T>(decoded: Decoded<T>, path: string, into: T[], problems: Problems): void {
  if (decoded.value !== undefined) into.push(decoded.value);
  decoded.problems.forEach((problem) => problems.add('', below(path, problem)));
}

/** A problem of a resource as one of the document: most begin with a path of their own. */
function below(path: string, problem: string): string {
  return /^[a-z0-9_]+[^ ]*: /.test(problem) ? `${path}.${problem}` : `${path}: ${problem}`;
}

function withoutResources(message: Bootstrap): Bootstrap {
  return { ...message, staticResources: undefined };
}

function nodeOf(node: Node | undefined, overrides: NodeOverrides): Node {
  const made = create(NodeSchema, node ? { ...node } : {});
  if (overrides.id !== undefined) made.id = overrides.id;
  if (overrides.cluster !== undefined) made.cluster = overrides.cluster;
  if (overrides.zone !== undefined) made.locality = create(LocalitySchema, { region: made.locality?.region, zone: overrides.zone });
  return made;
}

function adsClusterNames(ads: ApiConfigSource | undefined): ReadonlySet<string> {
  return new Set((ads?.grpcServices ?? []).flatMap(({ targetSpecifier: target }) => (target.case === 'envoyGrpc' ? [target.value.clusterName] : [])));
}

function adsOf(message: Bootstrap, clusters: readonly Cluster[], problems: Problems): AdsConfig | undefined {
  const dynamic = message.dynamicResources;
  if (!dynamic) return undefined;
  const listeners = fromAds(dynamic.ldsConfig, 'dynamic_resources.lds_config', problems);
  const discovered = fromAds(dynamic.cdsConfig, 'dynamic_resources.cds_config', problems);
  const path = 'dynamic_resources.ads_config';
  const ads = dynamic.adsConfig;
  if (!ads) {
    problems.add(path, 'is required: the only source of discovered resources');
    return undefined;
  }
  if (!listeners && !discovered) problems.add('dynamic_resources', 'needs lds_config or cds_config beside ads_config: {ads: {}}');
  if (ads.grpcServices.length === 0) problems.add(`${path}.grpc_services`, 'is required');
  const addresses: HostPort[] = [];
  let authority: string | undefined;
  let first: AdsEndpoint | undefined;
  ads.grpcServices.forEach((service, index) => {
    const at = `${path}.grpc_services[${index}].envoy_grpc`;
    if (service.targetSpecifier.case !== 'envoyGrpc') {
      problems.add(at, 'is required');
      return;
    }
    const name = service.targetSpecifier.value.clusterName;
    authority ??= service.targetSpecifier.value.authority || undefined;
    const found = clusters.findIndex((cluster) => cluster.name === name);
    if (found < 0) {
      problems.add(`${at}.cluster_name`, `${show(name)} is no cluster of static_resources`);
      return;
    }
    const endpoint = adsEndpoint(clusters[found], `static_resources.clusters[${found}]`, problems);
    first ??= endpoint;
    addresses.push(...endpoint.addresses);
  });
  if (!first) return undefined;
  const { connectTimeout, keepalive, identity } = first;
  return { addresses, authority, connectTimeout, keepalive, identity, listeners, clusters: discovered };
}

function fromAds(source: ConfigSource | undefined, path: string, problems: Problems): boolean {
  if (!source) return false;
  if (source.configSourceSpecifier.case !== 'ads') problems.add(`${path}.ads`, 'is required: the only source of discovered resources');
  return true;
}

type AdsEndpoint = Pick<AdsConfig, 'addresses' | 'connectTimeout' | 'keepalive' | 'identity'>;

/** The one name by which the control plane is known. */
function controlPlaneIdentity(socket: UpstreamTlsConfig, problems: Problems): string | undefined {
  const names = socket.validation?.defaults?.names ?? [];
  const [name] = names;
  if (names.length === 1 && name.type === 'uri' && name.match.kind === 'exact') return name.match.value;
  problems.add('transport_socket.typed_config.common_tls_context.combined_validation_context.default_validation_context.match_typed_subject_alt_names',
    'must be one URI, exact: the SPIFFE ID of the control plane');
  return undefined;
}

/** The cluster of the control plane. It is spoken to by gRPC alone and is no cluster of the data path. */
function adsEndpoint(cluster: Cluster, path: string, problems: Problems): AdsEndpoint {
  const found = new Problems();
  checkSubset(ClusterSchema, cluster, found);
  const socket = upstreamSocket(cluster.transportSocket, 'transport_socket', found);
  const type = cluster.clusterDiscoveryType.case === 'type' ? cluster.clusterDiscoveryType.value : 0;
  if (type > 1) found.add('type', 'the cluster of the control plane must be STATIC or STRICT_DNS');
  const http2 = http2Options(cluster);
  if (!http2) found.add('', 'the cluster of the control plane needs http2_protocol_options: gRPC is HTTP/2');
  const assignment = cluster.loadAssignment && loadAssignment(cluster.loadAssignment, 'load_assignment', found, type === 1);
  const addresses = (assignment?.localities ?? []).flatMap((locality) => locality.endpoints.map(({ address: host, port }) => ({ host, port })));
  if (addresses.length === 0) found.add('load_assignment', 'is required: the addresses of the control plane');
  const keepalive = http2?.connectionKeepalive;
  const made = {
    addresses,
    connectTimeout: positiveDuration(cluster.connectTimeout, 5_000, 'connect_timeout', found),
    identity: socket && controlPlaneIdentity(socket, found),
    keepalive: keepalive?.interval && { interval: milliseconds(keepalive.interval), timeout: milliseconds(keepalive.timeout, 20_000) },
  };
  found.list().forEach((problem) => problems.add('', below(path, problem)));
  return made;
}

function http2Options(cluster: Cluster): Http2ProtocolOptions | undefined {
  for (const any of Object.values(cluster.typedExtensionProtocolOptions)) {
    const protocol = unpackAnyAs(UpstreamHttpProtocolOptionsSchema, any)?.upstreamProtocolOptions;
    const explicit = protocol?.case === 'explicitHttpConfig' ? protocol.value.protocolConfig : undefined;
    if (explicit?.case === 'http2ProtocolOptions') return explicit.value;
  }
  return cluster.http2ProtocolOptions;
}
