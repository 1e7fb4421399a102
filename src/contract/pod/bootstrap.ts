import { CONTROL_PLANE } from '../identity';
import { serviceHost, spiffeId } from '../names';
import type { NodeMetadata } from '../node';
import { ADMIN_PORT, XDS_PORT } from '../ports';

const ADS = { ads: {}, resource_api_version: 'V3' };

/** Where the control plane is, and who. */
export interface ControlPlanePlace {
  readonly namespace: string;
  readonly trustDomain: string;
  /** Undefined: `cluster.local`. */
  readonly clusterDomain: string | undefined;
}

/** What bounds a sidecar. */
export interface ProxyBounds {
  /** Bytes of its memory limit. */
  readonly memory: number;
  /** Threads that serve traffic. */
  readonly concurrency: number;
}

/** What a pod is, as far as its bootstrap says it. */
export type BootstrapNode = Pick<NodeMetadata, 'service' | 'serviceAccount' | 'namespace' | 'version' | 'intercepted'>;

/** Milliseconds late that a timer of a proxy may be. */
const MAX_DELAY = '0.5s';

/**
 * What a sidecar does before its container would be killed for its memory: of the limit the heaps of its threads may take half together, and messages
 * that wait an eighth. At 80 % of either, or of the delay, nothing more is read from clients; at 95 % requests are shed.
 */
function overloadManager({ memory, concurrency }: ProxyBounds): object {
  const monitors = [
    { name: 'envoy.resource_monitors.fixed_heap', ...typed('envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig', { max_heap_size_bytes: Math.floor(memory / 2 / concurrency) }) },
    { name: 'meshwright.resource_monitors.buffered_bytes', ...typed('meshwright.v1.BufferedBytesConfig', { max_bytes: Math.floor(memory / 8) }) },
    { name: 'meshwright.resource_monitors.event_loop_delay', ...typed('meshwright.v1.EventLoopDelayConfig', { max_delay: MAX_DELAY }) },
  ];
  const action = (name: string, value: number) => ({ name, triggers: monitors.map((monitor) => ({ name: monitor.name, threshold: { value } })) });
  return {
    refresh_interval: '0.25s',
    resource_monitors: monitors,
    actions: [action('meshwright.overload_actions.stop_reading', 0.8), action('envoy.overload_actions.stop_accepting_requests', 0.95)],
  };
}

function typed(type: string, fields: object) {
  return { typed_config: { '@type': `type.googleapis.com/${type}`, ...fields } };
}

/**
 * The proxy's start document, Envoy's `envoy.config.bootstrap.v3.Bootstrap` in JSON: who it is, where its admin server listens, and the control
 * plane. Everything else comes by xDS. Addresses that only the kubelet knows stand as `$(NAME)`.
 */
export function bootstrap(node: BootstrapNode, controlPlane: ControlPlanePlace, bounds: ProxyBounds): string {
  const { service, serviceAccount, namespace, version, intercepted } = node;
  const addresses = { podIp: '$(POD_IP)', loopback: '127.0.0.1', ...intercepted ? { podIps: '$(POD_IPS)', intercepted } : {} };
  return JSON.stringify({
    node: { metadata: { service, serviceAccount, namespace, version, ...addresses } },
    admin: { address: socket('127.0.0.1', ADMIN_PORT) },
    overload_manager: overloadManager(bounds),
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
      lds_config: ADS,
      cds_config: ADS,
    },
    static_resources: {
      clusters: [{
        name: 'xds',
        type: 'STRICT_DNS',
        connect_timeout: '5s',
        transport_socket: mutualTls(spiffeId(controlPlane.trustDomain, controlPlane.namespace, CONTROL_PLANE)),
        typed_extension_protocol_options: {
          'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
            '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
            'explicit_http_config': { http2_protocol_options: {} },
          },
        },
        load_assignment: {
          cluster_name: 'xds',
          endpoints: [{
            lb_endpoints: [{
              endpoint: { address: socket(serviceHost(CONTROL_PLANE, controlPlane.namespace, controlPlane.clusterDomain), XDS_PORT) },
            }],
          }],
        },
      }],
    },
  });
}

/** The proxy shows the certificate that it has asked for; the control plane is known by its identity, whatever its address. */
function mutualTls(identity: string): object {
  return {
    name: 'envoy.transport_sockets.tls',
    ...typed('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
      common_tls_context: {
        tls_certificate_sds_secret_configs: [{ name: 'svid', sds_config: ADS }],
        combined_validation_context: {
          default_validation_context: { match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: identity } }] },
          validation_context_sds_secret_config: { name: 'trust-bundle', sds_config: ADS },
        },
      },
    }),
  };
}

function socket(address: string, port: number) {
  return { socket_address: { address, port_value: port } };
}
