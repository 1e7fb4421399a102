import { ApiObject, Chart, JsonPatch, Testing } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { MeshService, Region, ServicePort } from '../src';
import { emitted, refusal, shopChart, shopMesh, yaml } from './program';

const APP = { image: 'shop/ledger:1', portNumber: 8080 };

function deployment(chart: Chart, props: Partial<kplus.DeploymentProps> = {}): kplus.Deployment {
  return new kplus.Deployment(chart, 'ledger-app', { containers: [APP], metadata: { name: 'ledger-app' }, ...props });
}

function join(chart: Chart, workload: kplus.Workload, regions?: Region[]): MeshService {
  return MeshService.fromWorkload(chart, 'ledger', { mesh: shopMesh(chart, { regions }), port: ServicePort.http(8080), workload, regions });
}

test('a Deployment keeps its fields and gets sidecar, labels and account', () => {
  const chart = shopChart();
  join(chart, deployment(chart, { replicas: 4 }));
  expect(yaml(emitted(chart, 'Deployment', 'ledger-app'))).toMatchSnapshot();
  expect(emitted(chart, 'Service', 'ledger').spec.selector).toEqual({ 'mesh.meshwright.dev/service': 'ledger', 'mesh.meshwright.dev/version': 'base' });
  expect(emitted(chart, 'MeshService', 'ledger').spec.serviceAccount).toBe('ledger');
});

test('a StatefulSet joins, with its own account', () => {
  const chart = shopChart();
  const serviceAccount = new kplus.ServiceAccount(chart, 'account', { metadata: { name: 'bookkeeper' } });
  const set = new kplus.StatefulSet(chart, 'ledger-set', { containers: [APP], serviceAccount, metadata: { name: 'ledger-set' } });
  const ledger = join(chart, set);
  const pod = emitted(chart, 'StatefulSet', 'ledger-set').spec.template.spec;
  expect(pod.serviceAccountName).toBe('bookkeeper');
  expect(pod.initContainers[0]).toMatchObject({ name: 'meshwright-proxy', restartPolicy: 'Always' });
  expect(emitted(chart, 'MeshService', 'ledger').spec.serviceAccount).toBe('bookkeeper');
  expect(ledger.spiffeId).toBe('spiffe://shop.example/ns/shop/sa/bookkeeper');
  expect(Testing.synth(chart).filter(({ kind }) => kind === 'ServiceAccount').map(({ metadata }) => metadata.name)).toEqual(['bookkeeper', 'meshwright-control-plane']);
});

test('what cdk8s-plus does not know survives: fields and values that patches brought, before and after', () => {
  const chart = shopChart();
  const workload = deployment(chart);
  ApiObject.of(workload).addJsonPatch(
    JsonPatch.add('/spec/futureField', { mode: 'fast' }),
    JsonPatch.add('/spec/template/spec/containers/0/resizePolicy', [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }]),
    JsonPatch.add('/spec/template/spec/initContainers', [{ name: 'agent', image: 'agent:1', restartPolicy: 'Always' }]),
  );
  join(chart, workload);
  ApiObject.of(workload).addJsonPatch(
    JsonPatch.add('/spec/template/spec/containers/0/livenessProbe', { httpGet: { path: '/live', port: 8080 } }),
    JsonPatch.replace('/spec/replicas', 7),
    JsonPatch.remove('/spec/progressDeadlineSeconds'),
  );
  const { spec } = emitted(chart, 'Deployment', 'ledger-app');
  expect({ replicas: spec.replicas, futureField: spec.futureField, deadline: spec.progressDeadlineSeconds }).toEqual({
    replicas: 7, futureField: { mode: 'fast' }, deadline: undefined,
  });
  const { containers: [container], initContainers } = spec.template.spec;
  expect(container.resizePolicy).toEqual([{ resourceName: 'cpu', restartPolicy: 'NotRequired' }]);
  expect(container.livenessProbe.httpGet).toEqual({ path: '/live', port: 8080 });
  expect(initContainers.map(({ name, restartPolicy }: Record<string, string>) => [name, restartPolicy])).toEqual([
    ['meshwright-proxy', 'Always'], ['agent', 'Always'],
  ]);
});

test('a patch in the words of cdk8s-plus works as it does without a mesh', () => {
  const chart = shopChart();
  const workload = deployment(chart, { containers: [{ ...APP, liveness: kplus.Probe.fromHttpGet('/live') }] });
  ApiObject.of(workload).addJsonPatch(JsonPatch.replace('/spec/template/spec/containers/0/livenessProbe/httpGet/port', { value: 9000 }));
  join(chart, workload);
  expect(emitted(chart, 'Deployment', 'ledger-app').spec.template.spec.containers[0].livenessProbe.httpGet.port).toBe(9000);
});

test('a container added after it joined is part of it', () => {
  const chart = shopChart();
  const workload = deployment(chart);
  join(chart, workload);
  workload.addContainer({ name: 'metrics', image: 'metrics:1', securityContext: { user: 2000 } });
  const { containers } = emitted(chart, 'Deployment', 'ledger-app').spec.template.spec;
  expect(containers.map(({ name }: { name: string }) => name)).toEqual(['main', 'metrics']);
  expect(containers[1].env.map(({ name }: { name: string }) => name)).toContain('HTTP_PROXY');
});

test('regions add to what the workload demands of its node', () => {
  const chart = shopChart();
  const workload = deployment(chart);
  workload.scheduling.attract(kplus.Node.labeled(kplus.NodeLabelQuery.is('disk', 'ssd')));
  join(chart, workload, [Region.of('eu-west'), Region.of('us-east')]);
  const { nodeAffinity } = emitted(chart, 'Deployment', 'ledger-app').spec.template.spec.affinity;
  expect(yaml(nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution)).toMatchInlineSnapshot(`
nodeSelectorTerms:
  - matchExpressions:
      - key: disk
        operator: In
        values:
          - ssd
      - key: topology.kubernetes.io/region
        operator: In
        values:
          - eu-west
  - matchExpressions:
      - key: disk
        operator: In
        values:
          - ssd
      - key: topology.kubernetes.io/region
        operator: In
        values:
          - us-east
`);
});

test('versions of a joined service', () => {
  const chart = shopChart();
  const ledger = join(chart, deployment(chart));
  ledger.addVersion('v2', { image: 'shop/ledger:2', replicas: 2 });
  expect(emitted(chart, 'Deployment', 'ledger-v2').spec.replicas).toBe(2);
});

test('what cannot join is told', () => {
  const chart = shopChart();
  const job = new kplus.Job(chart, 'job', { containers: [{ image: 'job:1' }] });
  const other = new Chart(chart, 'other', { namespace: 'other' });
  const elsewhere = deployment(other);
  const twice = new kplus.Deployment(chart, 'twice', { containers: [APP], hostNetwork: true });
  const mesh = shopMesh(chart);
  const port = ServicePort.http(8080);
  MeshService.fromWorkload(chart, 'a', { mesh, port, workload: job });
  MeshService.fromWorkload(chart, 'b', { mesh, port, workload: elsewhere });
  MeshService.fromWorkload(chart, 'c', { mesh, port, workload: twice });
  MeshService.fromWorkload(chart, 'd', { mesh, port, workload: twice });
  expect(refusal(chart)).toMatchInlineSnapshot(`
"[shop/a] MW004 shop/a: workload: Job shop/job: must be a Deployment or a StatefulSet; pass one of these, or write new MeshService(…) with an image
[shop/b] MW004 shop/b: workload: Deployment shop/other/ledger-app in namespace other: must be in the namespace of its service, shop; make the service in the chart of the workload
[shop/c] MW163 shop/c: hostNetwork: true (version base): must not be: a sidecar needs a network of its own; take hostNetwork out
[shop/d] MW004 shop/d: workload: Deployment shop/twice, joined as shop/c: can join once; take one of the two out
[shop/d] MW163 shop/d: hostNetwork: true (version base): must not be: a sidecar needs a network of its own; take hostNetwork out
[shop/d] meshwright: 5 errors, 0 warnings, 0 acknowledged"
`);
});
