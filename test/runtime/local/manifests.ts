/** Manifests as synth writes them, by hand: what the tests of this folder run. */
import type { KubeObject } from '../../../runtime/local/types';
import { MESH_PORT_NAME, PROXY_CONTAINER, SERVICE_LABEL, VERSION_LABEL } from '../../../src/contract';

export const BOOTSTRAP = {
  node: { cluster: 'payment.shop', metadata: { service: 'payment', namespace: 'shop', version: 'base', podIp: '$(POD_IP)', loopback: '127.0.0.1' } },
  dynamic_resources: { ads_config: { api_type: 'DELTA_GRPC', grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }] } },
  static_resources: {
    clusters: [{
      name: 'xds',
      type: 'STRICT_DNS',
      load_assignment: {
        cluster_name: 'xds',
        endpoints: [{
          lb_endpoints: [{
            endpoint: { address: { socket_address: { address: 'meshwright-control-plane.shop.svc.cluster.local', port_value: 15010 } } },
          }],
        }],
      },
    }],
  },
  admin: { address: { socket_address: { address: '127.0.0.1', port_value: 15000 } } },
};

export const PROXY_ARGS = [
  '--config-yaml', JSON.stringify(BOOTSTRAP), '--service-node', '$(POD_NAME).$(POD_NAMESPACE)', '--service-cluster', 'payment.shop',
  '--health-address', '0.0.0.0:15020', '--snapshot-path', '/var/lib/meshwright/snapshot',
];

export function workload(name: string, replicas: number, image = `shop/${name}:1`, kind = 'Deployment'): KubeObject {
  const labels = { [SERVICE_LABEL]: name, [VERSION_LABEL]: 'base' };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: 'shop' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: name,
          initContainers: [{
            name: PROXY_CONTAINER,
            image: 'meshwright/proxy:0.0.0',
            restartPolicy: 'Always',
            args: PROXY_ARGS,
            env: [
              { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
              { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
              { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            ],
            ports: [{ name: MESH_PORT_NAME, containerPort: 15006 }],
          }],
          containers: [{
            name,
            image,
            env: [{ name: 'HTTP_PROXY', value: 'http://127.0.0.1:15001' }, { name: 'NO_PROXY', value: 'localhost,127.0.0.1' }],
            ports: [{ name: 'http', containerPort: 8080 }],
          }],
        },
      },
    },
  };
}

export function service(name: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: {
      selector: { [SERVICE_LABEL]: name, [VERSION_LABEL]: 'base' },
      ports: [{ name: 'http', port: 8080, targetPort: MESH_PORT_NAME, appProtocol: 'http' }],
    },
  };
}

export function meshService(name: string, regions?: string[]): KubeObject {
  return {
    apiVersion: 'mesh.meshwright.dev/v1alpha1',
    kind: 'MeshService',
    metadata: { name, namespace: 'shop' },
    spec: { mesh: { name: 'mesh', namespace: 'shop' }, ...(regions ? { regions } : {}) },
  };
}

export const MESH: KubeObject = {
  apiVersion: 'mesh.meshwright.dev/v1alpha1',
  kind: 'Mesh',
  metadata: { name: 'mesh', namespace: 'shop' },
  spec: { regions: [{ name: 'eu', zones: ['eu-a', 'eu-b'], geohashes: [] }, { name: 'us', zones: ['us-a'], geohashes: [] }] },
};
