import { ApiObject, JsonPatch } from 'cdk8s';
import { Deployment, Probe } from 'cdk8s-plus-27';
import { parseAppProbes } from '../runtime/proxy/app-probes';
import { Interception, MeshService, ServicePort } from '../src';
import { injected, type InjectionSettings } from '../src/contract';
import { emitted, service, shopChart, shopMesh } from './program';

const SETTINGS: InjectionSettings = {
  controlPlane: { namespace: 'mesh', trustDomain: 'shop.example', clusterDomain: undefined },
  proxy: { image: 'meshwright/proxy:0', logLevel: 'info', concurrency: 1, resources: { limits: { memory: '256Mi' } } },
  interception: { excludeInboundPorts: [9090] },
};
const asked = (container: string, kind: string) => ({ path: `/app-health/${container}/${kind}`, port: 15020 });

/** The probes of a sidecar, as its process reads them: the kubelet takes $$ for $. */
function probesOf(spec: any): Record<string, object> {
  const { args } = spec.initContainers.find(({ name }: { name: string }) => name === 'meshwright-proxy');
  const at = args.indexOf('--app-probes');
  const text = at < 0 ? '{}' : args[at + 1].replaceAll('$$', '$');
  const problems: string[] = [];
  parseAppProbes(text, problems);
  expect(problems).toEqual([]);
  return JSON.parse(text);
}

function inject(spec: object, labels: Record<string, string> = { 'mesh.meshwright.dev/service': 'payment' }): any {
  return (injected({ metadata: { labels }, spec }, 'shop', SETTINGS) as { spec: any }).spec;
}

test('probes of an intercepted service go to the sidecar, which knows what to ask; when and how often stays', () => {
  const spec = inject({
    containers: [{
      name: 'app',
      ports: [{ name: 'web', containerPort: 8080 }],
      startupProbe: { httpGet: { path: '/started', port: 'web', scheme: 'HTTPS', httpHeaders: [{ name: 'X-Key', value: '$(NOT_A_VARIABLE) $5' }] }, failureThreshold: 30, periodSeconds: 1 },
      readinessProbe: { tcpSocket: { port: 5432 }, timeoutSeconds: 4, successThreshold: 2 },
      livenessProbe: { grpc: { port: 9000, service: 'shop.Payment' }, terminationGracePeriodSeconds: 5 },
    }],
    initContainers: [{ name: 'helper', restartPolicy: 'Always', startupProbe: { httpGet: { path: '/up', port: 7000 } } }],
  });
  const [app] = spec.containers;
  expect([app.startupProbe, app.readinessProbe, app.livenessProbe]).toEqual([
    { httpGet: asked('app', 'startup'), failureThreshold: 30, periodSeconds: 1 },
    { httpGet: asked('app', 'readiness'), timeoutSeconds: 4, successThreshold: 2 },
    { httpGet: asked('app', 'liveness'), terminationGracePeriodSeconds: 5 },
  ]);
  expect(spec.initContainers.at(-1).startupProbe).toEqual({ httpGet: asked('helper', 'startup') });
  expect(probesOf(spec)).toEqual({
    '/app-health/app/startup': { httpGet: { port: 8080, path: '/started', scheme: 'HTTPS', httpHeaders: [{ name: 'X-Key', value: '$(NOT_A_VARIABLE) $5' }] } },
    '/app-health/app/readiness': { tcpSocket: { port: 5432 }, timeoutSeconds: 4 },
    '/app-health/app/liveness': { grpc: { port: 9000, service: 'shop.Payment' } },
    '/app-health/helper/startup': { httpGet: { port: 7000, path: '/up' } },
  });
});

test.each([
  ['a command', { exec: { command: ['true'] } }],
  ['an excluded port', { httpGet: { path: '/', port: 9090 } }],
  ['the proxy itself', { httpGet: { path: '/ready', port: 15020 } }],
  ['another host', { httpGet: { path: '/', port: 8080, host: '10.0.0.9' } }],
  ['a name that no port has, which Kubernetes tells', { tcpSocket: { port: 'nothing' } }],
])('a probe of %s stays as it is', (_, readinessProbe) => {
  const spec = inject({ containers: [{ name: 'app', readinessProbe }] });
  expect([spec.containers[0].readinessProbe, probesOf(spec)]).toEqual([readinessProbe, {}]);
});

test('a guest takes whatever comes: its probes need nobody', () => {
  const readinessProbe = { httpGet: { path: '/', port: 8080 } };
  const spec = inject({ containers: [{ name: 'app', readinessProbe }] }, {});
  expect([spec.containers[0].readinessProbe, probesOf(spec)]).toEqual([readinessProbe, {}]);
});

test('a service does without what its mesh does', () => {
  const chart = shopChart();
  const mesh = shopMesh(chart, { interception: Interception.transparent() });
  service(mesh, 'payment');
  service(mesh, 'legacy', { interception: Interception.none() });
  const inits = (name: string) => emitted(chart, 'Deployment', name).spec.template.spec.initContainers.map((container: { name: string }) => container.name);
  expect([inits('payment'), inits('legacy')]).toEqual([['meshwright-intercept', 'meshwright-proxy'], ['meshwright-proxy']]);
});

test('synthesized, own and joined workloads, patches included; without interception the application is asked itself', () => {
  const chart = shopChart();
  const mesh = shopMesh(chart);
  const port = ServicePort.http(8080);
  const interception = Interception.transparent();
  new MeshService(chart, 'payment', { mesh, port, image: 'shop/payment:1', readinessPath: '/ready', interception });
  new MeshService(chart, 'order', { mesh, port, image: 'shop/order:1', readinessPath: '/ready' });
  const workload = new Deployment(chart, 'db', {
    containers: [{ image: 'shop/db:1', portNumber: 8080, name: 'db', readiness: Probe.fromTcpSocket({ port: 8080 }), liveness: Probe.fromHttpGet('/live', { port: 8080 }) }],
  });
  // Of gRPC cdk8s-plus knows nothing.
  MeshService.fromWorkload(chart, 'db-service', { mesh, port, name: 'db', workload, interception });
  ApiObject.of(workload).addJsonPatch(JsonPatch.add('/spec/template/spec/containers/0/startupProbe', { grpc: { port: 8080 }, periodSeconds: 1 }));
  const pod = (name: string) => emitted(chart, 'Deployment', name).spec.template.spec;
  expect(pod('payment').containers[0].readinessProbe).toMatchObject({ httpGet: asked('payment', 'readiness') });
  expect(probesOf(pod('payment'))).toEqual({ '/app-health/payment/readiness': { httpGet: { port: 8080, path: '/ready' }, timeoutSeconds: 2 } });
  expect(pod('order').containers[0].readinessProbe).toMatchObject({ httpGet: { path: '/ready', port: 8080 } });
  expect(probesOf(pod('order'))).toEqual({});
  const joined = ApiObject.of(workload).toJson().spec.template.spec;
  expect(joined.containers[0].livenessProbe.httpGet).toEqual(asked('db', 'liveness'));
  expect(Object.values(probesOf(joined))).toMatchObject([{ grpc: { port: 8080 } }, { tcpSocket: { port: 8080 } }, { httpGet: { port: 8080, path: '/live' } }]);
});
