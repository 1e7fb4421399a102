import { ApiObject, Duration } from 'cdk8s';
import { Deployment } from 'cdk8s-plus-27';
import * as fc from 'fast-check';
import { Interception, MeshService, ServicePort } from '../src';
import { injected, termination, withSidecar, type InjectionSettings } from '../src/contract';
import { emitted, refusal, service, shopChart, shopMesh } from './program';

/** Everything that a pod does in its end, out of its manifest. */
function ending({ spec }: any) {
  const { args } = spec.initContainers.find(({ name }: { name: string }) => name === 'meshwright-proxy');
  const option = (name: string) => Number(args[args.indexOf(name) + 1]);
  return {
    grace: spec.terminationGracePeriodSeconds, preStop: spec.containers.map(({ lifecycle }: any) => lifecycle?.preStop),
    drain: option('--drain-time-s'), newConnections: option('--drain-grace-s'),
  };
}
const sleep = (seconds: number) => ({ sleep: { seconds } });

test('one number: without a word 30 s, of which callers have 5 to hear of it and the rest is for what is under way', () => {
  const chart = shopChart();
  const mesh = shopMesh(chart);
  service(mesh, 'payment');
  const report = service(mesh, 'report', { terminationGracePeriod: Duration.minutes(2) });
  report.addVersion('v2', { image: 'shop/report:2' });
  service(mesh, 'quick', { terminationGracePeriod: Duration.seconds(2) });
  const of = (name: string) => ending(emitted(chart, 'Deployment', name).spec.template);
  expect(of('payment')).toEqual({ grace: 30, preStop: [sleep(5)], drain: 25, newConnections: 0 });
  expect(of('report')).toEqual({ grace: 120, preStop: [sleep(5)], drain: 115, newConnections: 0 });
  expect(of('report-v2')).toEqual(of('report'));
  expect(of('quick')).toEqual({ grace: 2, preStop: [undefined], drain: 2, newConnections: 0 });
});

test('a workload that joins keeps its own time, and whatever its containers do before they end', () => {
  const chart = shopChart();
  const mesh = shopMesh(chart, { interception: Interception.transparent() });
  const workload = new Deployment(chart, 'workload', { terminationGracePeriod: Duration.seconds(60), containers: [{ name: 'app', image: 'shop/app:1', portNumber: 8080 }] });
  MeshService.fromWorkload(chart, 'joined', { mesh, workload, port: ServicePort.http(8080) });
  const { template } = ApiObject.of(workload).toJson().spec;
  expect(ending(template)).toMatchObject({ grace: 60, preStop: [sleep(5)], drain: 55 });
  const settings: InjectionSettings = {
    controlPlane: { namespace: 'mesh', trustDomain: 'shop.example', clusterDomain: undefined },
    proxy: { image: 'p', logLevel: 'info', concurrency: 1, resources: { limits: { memory: '256Mi' } } },
    interception: {},
  };
  const own = { exec: { command: ['/bin/leave'] } };
  const containers = [{ name: 'a', lifecycle: { preStop: own, postStart: own } }, { name: 'b', lifecycle: { postStart: own } }];
  const pod = (labels: Record<string, string>) => injected({ metadata: { labels }, spec: { containers } }, 'shop', settings) as any;
  expect(ending(pod({ 'mesh.meshwright.dev/service': 'a' })).preStop).toEqual([own, sleep(5)]);
  expect(ending(pod({})).preStop).toEqual([own, undefined]);
});

test('whatever the number, all of it fits, and the kubelet accepts the wait', () => {
  const identity = {
    service: 'a', namespace: 'shop', version: 'base', controlPlane: { namespace: 'mesh', trustDomain: 't', clusterDomain: undefined },
    proxy: { image: 'p', logLevel: 'info', concurrency: 1, resources: { limits: { memory: '256Mi' } } },
  };
  fc.assert(fc.property(fc.nat(100_000), (grace) => {
    const { preStopSeconds, drainSeconds } = termination(grace);
    expect(preStopSeconds + drainSeconds).toBe(grace);
    const { preStop: [wait], drain } = ending({ spec: withSidecar({ terminationGracePeriodSeconds: grace, containers: [{ name: 'a' }] }, identity, []) });
    expect(drain).toBe(drainSeconds);
    // Of 0 seconds it would be refused.
    expect(wait).toEqual(preStopSeconds === 0 ? undefined : sleep(preStopSeconds));
  }));
});

test('whole seconds, at least one', () => {
  for (const period of [Duration.millis(500), Duration.millis(1500), Duration.seconds(0)]) {
    const chart = shopChart();
    service(shopMesh(chart), 'payment', { terminationGracePeriod: period });
    expect(refusal(chart)).toMatch(/terminationGracePeriod: \d+ms: must be whole seconds, at least 1/);
  }
});
