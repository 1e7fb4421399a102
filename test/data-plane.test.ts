import { App, Chart, Testing } from 'cdk8s';
import { DataPlane, Fault, Mesh, MeshService, NetworkIsolation, ServicePort } from '../src';
import { warnings } from './program';

/** A mesh in which `till` has a library of gRPC, `db` nothing, and `order` a sidecar. */
function synthesized(): any[] {
  const chart = new Chart(new App(), 'shop', { namespace: 'shop', disableResourceNameHashes: true });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'shop.example', networkIsolation: NetworkIsolation.INGRESS_AND_EGRESS });
  const service = (id: string, port: ServicePort, dataPlane?: DataPlane, faults?: Fault[]) => (
    new MeshService(chart, id, { mesh, image: `shop/${id}:1.0.0`, port, dataPlane, faults }));
  const quotes = service('quotes', ServicePort.grpc(9090), DataPlane.PROXYLESS_GRPC, [Fault.abort(503, 10)]);
  const db = service('db', ServicePort.tcp(5432), DataPlane.NONE);
  const order = service('order', ServicePort.grpc(9090), DataPlane.SIDECAR);
  const till = service('till', ServicePort.grpc(9090), DataPlane.PROXYLESS_GRPC);
  till.calls(quotes);
  till.calls(order);
  order.calls(db);
  quotes.addVersion('v2', { image: 'shop/quotes:2.0.0' });
  quotes.acknowledge('MW172', 'a NetworkPolicy lets in till alone');
  db.acknowledge('MW172', 'a NetworkPolicy lets in order alone');
  let manifests: any[] = [];
  expect(warnings(() => { manifests = Testing.synth(chart); })).not.toContain('warning');
  return manifests;
}

const manifests = synthesized();
const named = (kind: string, name: string) => manifests.find((one) => one.kind === kind && one.metadata.name === name);

test('a pod with a library of gRPC: the agent before it, the bootstrap in its environment, its certificate in memory', () => {
  expect(named('Deployment', 'till').spec.template.spec).toMatchSnapshot();
  const { value } = named('Deployment', 'till').spec.template.spec.containers[0].env.find(({ name }: any) => name === 'GRPC_XDS_BOOTSTRAP_CONFIG');
  expect(JSON.parse(value)).toMatchSnapshot();
  expect(named('Deployment', 'quotes-v2').spec.template.spec.initContainers.map(({ name }: any) => name)).toEqual(['meshwright-agent']);
});

test('a pod with nothing is as it would be without a mesh, but for its labels and its account', () => {
  const { containers, initContainers, serviceAccountName, volumes } = named('Deployment', 'db').spec.template.spec;
  expect(initContainers).toBeUndefined();
  expect(serviceAccountName).toBe('db');
  expect(JSON.stringify([containers, volumes])).not.toMatch(/meshwright-|PROXY/);
});

test('who calls either reaches the application, and the documents say so', () => {
  const ports = (name: string) => named('Service', name).spec.ports.map(({ port, targetPort }: any) => [port, targetPort]);
  expect([ports('till'), ports('quotes-v2'), ports('db'), ports('order')]).toEqual([[[9090, 9090]], [[9090, 9090]], [[5432, 5432]], [[9090, 15006]]]);
  expect(['till', 'quotes', 'db', 'order'].map((name) => named('MeshService', name).spec.dataPlane)).toEqual(['proxyless-grpc', 'proxyless-grpc', 'none', undefined]);
  const ingress = named('NetworkPolicy', 'db').spec.ingress[0];
  expect(ingress.ports).toEqual([{ protocol: 'TCP', port: 5432 }]);
  expect(ingress.from[0].podSelector.matchLabels['mesh.meshwright.dev/service']).toBe('order');
  expect(named('NetworkPolicy', 'till').spec.egress.map(({ ports: to }: any) => to[0].port)).toEqual([15006, 9090, 15010, 53]);
});
