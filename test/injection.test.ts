import { Testing } from 'cdk8s';
import { Injection, Interception, MeshService, ServicePort } from '../src';
import { injected, mesh as meshSchema, type InjectionSettings } from '../src/contract';
import { emitted, shopChart, shopMesh, yaml } from './program';

test('the webhooks ask for nobody who does not ask, fail closed, and never hold up the control plane', () => {
  const chart = shopChart();
  shopMesh(chart, { injection: Injection.failClosed({ excludeOutboundCidrs: ['169.254.169.254/32'] }) });
  expect(yaml(emitted(chart, 'MutatingWebhookConfiguration', 'meshwright-injector-shop'))).toMatchSnapshot();
});

test('the control plane serves it, and may write its roots into that one configuration', () => {
  const chart = shopChart();
  shopMesh(chart, { injection: Injection.failOpen() });
  const role = emitted(chart, 'ClusterRole', 'meshwright-control-plane-shop').rules.at(-1);
  expect(role).toEqual({
    apiGroups: ['admissionregistration.k8s.io'], resources: ['mutatingwebhookconfigurations'], resourceNames: ['meshwright-injector-shop'],
    verbs: ['list', 'patch', 'watch'],
  });
  const { args } = emitted(chart, 'Deployment', 'meshwright-control-plane').spec.template.spec.containers[0];
  expect(args[args.indexOf('--injector-address') + 1]).toBe('0.0.0.0:15017');
  expect(emitted(chart, 'Service', 'meshwright-control-plane').spec.ports.at(-1)).toMatchObject({ port: 443, targetPort: 'injector' });
  const { webhooks } = emitted(chart, 'MutatingWebhookConfiguration', 'meshwright-injector-shop');
  expect(webhooks.map(({ failurePolicy }: { failurePolicy: string }) => failurePolicy)).toEqual(['Ignore', 'Ignore']);
});

test('without it there is neither a webhook nor a right', () => {
  const chart = shopChart();
  shopMesh(chart);
  expect(JSON.stringify(Testing.synth(chart))).not.toMatch(/MutatingWebhook|mutatingwebhook|injector/);
});

/** What the control plane makes of the Mesh that synth emits. */
function settingsOf(document: any): InjectionSettings {
  const { metadata, spec } = meshSchema.parse(document);
  const { proxy, interception } = spec.injection!;
  return { controlPlane: { namespace: metadata.namespace, trustDomain: spec.trustDomain, clusterDomain: spec.clusterDomain }, proxy, interception };
}

test('a pod of a service that is injected is the pod that synth writes', () => {
  const chart = shopChart();
  const mesh = shopMesh(chart, { injection: Injection.failClosed(), interception: Interception.transparent() });
  new MeshService(chart, 'payment', { mesh, image: 'shop/payment:1', port: ServicePort.http(8080) });
  const { metadata, spec } = emitted(chart, 'Deployment', 'payment').spec.template;
  const own = (name: string) => name.startsWith('meshwright-');
  const bare = {
    ...spec,
    initContainers: spec.initContainers.filter(({ name }: { name: string }) => !own(name)),
    volumes: spec.volumes.filter(({ name }: { name: string }) => !own(name)),
  };
  const result = injected({ metadata, spec: bare }, 'shop', settingsOf(emitted(chart, 'Mesh', 'mesh')));
  expect(JSON.parse(JSON.stringify(result))).toEqual({ spec: JSON.parse(JSON.stringify(spec)), warnings: [] });
});

describe('pods that no construct wrote', () => {
  const settings: InjectionSettings = {
    controlPlane: { namespace: 'mesh', trustDomain: 'shop.example', clusterDomain: undefined },
    proxy: { image: 'meshwright/proxy:0', logLevel: 'info', concurrency: 1, resources: { limits: { memory: '256Mi' } } },
    interception: { excludeInboundPorts: [9090] },
  };
  const pod = (more: object = {}) => ({ metadata: { labels: { app: 'echo' } }, spec: { serviceAccountName: 'echo', containers: [{ name: 'echo' }], ...more } });
  const reason = (more: object) => injected(pod(more), 'ns', settings) as { reason: string; refused: boolean };

  test('a guest is its service account, and is intercepted', () => {
    const { spec } = injected(pod(), 'ns', settings) as { spec: any };
    const [intercept, proxy] = spec.initContainers;
    expect(intercept.args).toContain('15020,9090');
    expect(JSON.parse(proxy.args[1]).node.metadata).toEqual({
      serviceAccount: 'echo', namespace: 'ns', version: 'base', podIp: '$(POD_IP)', podIps: '$(POD_IPS)', loopback: '127.0.0.1', intercepted: true,
    });
    expect(proxy.args).toContain('echo.ns');
    expect(spec.containers).toEqual([{ name: 'echo', env: [] }]);
  });

  test('twice is once', () => {
    const once = injected(pod(), 'ns', settings) as { spec: any };
    expect(injected({ spec: once.spec }, 'ns', settings)).toEqual({ reason: 'the pod has its sidecar already', refused: false });
  });

  test('a pod that could not be in the mesh is refused, and told why', () => {
    expect(reason({ hostNetwork: true })).toMatchObject({ refused: true, reason: expect.stringMatching(/hostNetwork/) });
    expect(reason({ containers: [{ name: 'echo', securityContext: { runAsUser: 1337 } }] })).toMatchObject({ refused: true, reason: expect.stringMatching(/echo runs as user 1337/) });
    expect(reason({ securityContext: { runAsUser: 1337 } })).toMatchObject({ refused: true });
  });
});
