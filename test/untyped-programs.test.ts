import { Chart, Testing } from 'cdk8s';
import {
  CircuitBreaker, GrpcRoute, HttpRoute, HttpRule, Mesh, MeshService, MeshServiceProps, OutlierDetection, Retry, RetryOn, ServicePort, Timeout,
} from '../src';
import { service, shopChart, shopMesh } from './program';

/** Programs in a language without types, as plain JavaScript. */
const wrong = (value: unknown): any => value;

function payment(props: Partial<Record<keyof MeshServiceProps, unknown>>) {
  return (chart: Chart, mesh: Mesh) => new MeshService(chart, 'payment', wrong({ mesh, image: 'shop/payment:1.0.0', port: ServicePort.http(8080), ...props }));
}

const PROGRAMS: Readonly<Record<string, (chart: Chart, mesh: Mesh) => unknown>> = {
  'no properties': (chart) => new MeshService(chart, 'payment', wrong(undefined)),
  'no mesh': payment({ mesh: undefined }),
  'no port': payment({ port: undefined }),
  'a number as port': payment({ port: 8080 }),
  'a name as region': payment({ regions: ['eu-west'] }),
  'a number as timeout': payment({ timeout: 500 }),
  'a number in a timeout': payment({ timeout: Timeout.total(wrong(500)) }),
  'a number as idle time': payment({ port: ServicePort.tcp(1), timeout: 5 }),
  'a number as wait of a retry': payment({ retry: Retry.exponential({ attempts: 1, on: [RetryOn.RESET], baseInterval: wrong(100) }) }),
  'a number as cooldown': payment({ circuitBreaker: CircuitBreaker.consecutiveFailures(5, { cooldown: wrong(30) }) }),
  'a number as ejection': payment({ replicas: 2, outlierDetection: OutlierDetection.consecutiveServerErrors(5, { baseEjectionDuration: wrong(30), maxEjectionPercent: 50 }) }),
  'a number as limits': payment({ rateLimits: 5 }),
  'an object that is no policy': payment({ policies: [{}] }),
  'a call of nothing': (_, mesh) => service(mesh, 'order').calls(wrong(undefined)),
  'a call by name': (_, mesh) => service(mesh, 'order').calls(wrong('payment')),
  'a version without options': (_, mesh) => service(mesh, 'payment').addVersion('v2', wrong(undefined)),
  'a route of nothing': (chart) => new HttpRoute(chart, 'route', wrong({ rules: [] })),
  'a route without rules': (chart, mesh) => new HttpRoute(chart, 'route', wrong({ service: service(mesh, 'payment') })),
  'a rule of HTTP in a GrpcRoute': (chart, mesh) => {
    const quotes = service(mesh, 'quotes', { port: ServicePort.grpc(9090) });
    return new GrpcRoute(chart, 'route', { service: quotes, rules: [wrong({ forward: quotes })] });
  },
  'a backend by name': (chart, mesh) => new HttpRoute(chart, 'route', { service: service(mesh, 'payment'), rules: [HttpRule.forward(wrong('payment'))] }),
};

test.each(Object.entries(PROGRAMS))('%s: what is said names the construct, the value, the rule and the fix', (_, build) => {
  const chart = shopChart();
  let said = 'nothing';
  try {
    build(chart, shopMesh(chart));
    Testing.synth(chart);
  } catch (error) {
    expect(error).not.toBeInstanceOf(TypeError);
    said = (error as Error).message.split('\n').filter((line) => !line.includes('meshwright: ')).map((line) => line.trim()).join('\n');
  }
  expect(said).toMatch(/shop\/\w+: .+: .+; .+/);
  expect(said).toMatchSnapshot();
});
