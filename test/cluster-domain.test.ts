import { Testing } from 'cdk8s';
import { readResources } from '../runtime/control-plane/resources';
import { translate } from '../runtime/control-plane/translate';
import { emitted, refusal, service, shopChart, shopMesh } from './program';

/** Names by which `order` reaches `payment`, and where its sidecar looks for the control plane. */
function names(clusterDomain: string | undefined): { hosts: string[]; controlPlane: string } {
  const chart = shopChart();
  const mesh = shopMesh(chart, clusterDomain === undefined ? {} : { clusterDomain });
  const payment = service(mesh, 'payment');
  service(mesh, 'order').calls(payment);
  const documents = (Testing.synth(chart) as object[]).map((value) => ({ value, location: 'test' }));
  const { routes: [outbound] } = translate(readResources({ documents, unreadable: [] }), { service: 'shop/order', podIp: '10.0.0.1' });
  const [container] = emitted(chart, 'Deployment', 'order').spec.template.spec.initContainers as { args: string[] }[];
  const [, config] = container.args;
  return {
    hosts: outbound.virtualHosts[0].domains.filter((host) => !host.includes(':')),
    controlPlane: /meshwright-control-plane\.[^"]*/.exec(config)![0],
  };
}

test('a service is called by every name that Kubernetes gives it, in the domain of the cluster', () => {
  expect(names(undefined)).toEqual({
    hosts: ['payment', 'payment.shop', 'payment.shop.svc', 'payment.shop.svc.cluster.local'], controlPlane: 'meshwright-control-plane.shop.svc.cluster.local',
  });
  expect(names('k8s.example')).toEqual({
    hosts: ['payment', 'payment.shop', 'payment.shop.svc', 'payment.shop.svc.k8s.example'], controlPlane: 'meshwright-control-plane.shop.svc.k8s.example',
  });
});

test('a domain that is none is refused', () => {
  const chart = shopChart();
  shopMesh(chart, { clusterDomain: 'K8S' });
  expect(refusal(chart)).toContain('clusterDomain: "K8S": must be 1 to 253 lower-case letters, digits, hyphens and dots');
});
