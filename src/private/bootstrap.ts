import { serviceHost } from '../contract/names';
import type { NodeMetadata } from '../contract/node';
import { ADMIN_PORT, XDS_PORT } from '../contract/ports';

/** Name of the control plane's Deployment, Services and account. */
export const CONTROL_PLANE = 'meshwright-control-plane';

const ADS = { ads: {}, resource_api_version: 'V3' };

/**
 * The proxy's start document, Envoy's `envoy.config.bootstrap.v3.Bootstrap` in JSON: who it is, where its admin server listens, and the control
 * plane. Everything else comes by xDS. Addresses that only the kubelet knows stand as `$(NAME)`.
 */
export function bootstrap(node: Omit<NodeMetadata, 'podIp' | 'loopback'>, meshNamespace: string): string {
  const { service, namespace, version } = node;
  return JSON.stringify({
    node: { metadata: { service, namespace, version, podIp: '$(POD_IP)', loopback: '127.0.0.1' } },
    admin: { address: socket('127.0.0.1', ADMIN_PORT) },
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
        typed_extension_protocol_options: {
          'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
            '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
            'explicit_http_config': { http2_protocol_options: {} },
          },
        },
        load_assignment: {
          cluster_name: 'xds',
          endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(serviceHost(CONTROL_PLANE, meshNamespace), XDS_PORT) } }] }],
        },
      }],
    },
  });
}

function socket(address: string, port: number) {
  return { socket_address: { address, port_value: port } };
}
