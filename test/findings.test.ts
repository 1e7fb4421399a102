import { App, Chart, Testing } from 'cdk8s';
import { Construct } from 'constructs';
import { Findings } from '../src';
import { checkGraph } from '../src/check';
import type { Finding } from '../src/check/finding';
import { refusal, service, shopChart, shopMesh, warnings } from './program';

jest.mock('../src/check', () => ({ checkGraph: jest.fn() }));
const check = checkGraph as jest.MockedFunction<typeof checkGraph>;

function finding(path: string, code: string, severity: Finding['severity'] = 'warning', value = 'retry: 9'): Finding {
  return { code, severity, path, value, rule: 'must be less', fix: 'write 3' };
}

/** A chart with a mesh and the services `order` and `payment`. */
function shop() {
  const chart = shopChart();
  const mesh = shopMesh(chart);
  return { chart, mesh, order: service(mesh, 'order'), payment: service(mesh, 'payment') };
}

test('errors stop the synth: all at once, at their constructs, sorted, with a summary', () => {
  const { chart } = shop();
  check.mockReturnValue([
    finding('shop/payment', 'MW112', 'error', 'b'), finding('shop/payment', 'MW112', 'error', 'a'), finding('shop/payment', 'MW104', 'error'),
    finding('shop/order', 'MW120', 'error'), finding('shop/order/calls/1', 'MW101', 'error'),
  ]);
  expect(refusal(chart)).toMatchInlineSnapshot(`
"[shop/order] MW120 shop/order: retry: 9: must be less; write 3
[shop/order] MW101 shop/order/calls/1: retry: 9: must be less; write 3
[shop/payment] MW104 shop/payment: retry: 9: must be less; write 3
[shop/payment] MW112 shop/payment: a: must be less; write 3
[shop/payment] MW112 shop/payment: b: must be less; write 3
[shop/payment] meshwright: 5 errors, 0 warnings, 0 acknowledged"
`);
});

test('warnings are told on standard error and as metadata, and stop nothing', () => {
  const { chart, payment } = shop();
  check.mockReturnValue([finding('shop/payment', 'MW107'), finding('shop/order', 'MW120')]);
  expect(warnings(() => Testing.synth(chart))).toMatchInlineSnapshot(`
"warning MW120 shop/order: retry: 9: must be less; write 3
warning MW107 shop/payment: retry: 9: must be less; write 3
meshwright: 0 errors, 2 warnings, 0 acknowledged
"
`);
  expect(payment.node.metadata.map(({ type, data }) => [type, data])).toEqual([
    ['meshwright:warning', 'MW107 shop/payment: retry: 9: must be less; write 3'],
  ]);
});

test('a mesh may take warnings for errors', () => {
  const chart = shopChart();
  service(shopMesh(chart, { warningsAsErrors: true }), 'payment').acknowledge('MW120', 'one is enough');
  check.mockReturnValue([finding('shop/payment', 'MW107'), finding('shop/payment', 'MW120')]);
  let refused = '';
  expect(warnings(() => { refused = refusal(chart); })).toBe('');
  expect(refused).toMatchInlineSnapshot(`
"[shop/payment] MW107 shop/payment: retry: 9: must be less; write 3
[shop/payment] meshwright: 1 error, 0 warnings, 1 acknowledged"
`);
});

test('what is acknowledged is counted, on the construct or above it; what is not needed is told', () => {
  const { chart, payment, order } = shop();
  check.mockReturnValue([finding('shop/payment', 'MW107'), finding('shop/order', 'MW107'), finding('shop/order', 'MW120')]);
  payment.acknowledge('MW107', 'the provider is down then');
  order.acknowledge('MW121', 'never found');
  Findings.of(chart).acknowledge('MW120', 'a test mesh');
  expect(warnings(() => Testing.synth(chart))).toMatchInlineSnapshot(`
"warning MW107 shop/order: retry: 9: must be less; write 3
note shop/order: acknowledge('MW121', …): nothing to acknowledge; take it out
meshwright: 0 errors, 1 warning, 2 acknowledged
"
`);
});

test('a version is a construct of its own: what is acknowledged on it says nothing of its service', () => {
  const { chart, payment } = shop();
  const v2 = payment.addVersion('v2', { image: 'shop/payment:2' });
  check.mockReturnValue([finding('shop/payment/v2', 'MW120'), finding('shop/payment', 'MW120')]);
  Findings.of(v2).acknowledge('MW120', 'a canary of one');
  expect(warnings(() => Testing.synth(chart))).toMatchInlineSnapshot(`
"warning MW120 shop/payment: retry: 9: must be less; write 3
meshwright: 0 errors, 1 warning, 1 acknowledged
"
`);
});

test('an error cannot be acknowledged', () => {
  const { chart, payment } = shop();
  check.mockReturnValue([finding('shop/payment', 'MW101', 'error')]);
  payment.acknowledge('MW101', 'please');
  expect(refusal(chart)).toMatchInlineSnapshot(`
"[shop/payment] MW101 shop/payment: retry: 9: must be less; write 3; an error cannot be acknowledged (shop/payment)
[shop/payment] meshwright: 1 error, 0 warnings, 0 acknowledged"
`);
});

test('a finding below a construct is told at the nearest one, a stray one at the last', () => {
  const chart = shopChart();
  const wrapper = new Construct(chart, 'team');
  service(shopMesh(chart), 'payment');
  check.mockReturnValue([finding('shop/payment/v2/Deployment', 'MW101', 'error'), finding('elsewhere', 'MW102', 'error')]);
  expect(wrapper.node.path).toBe('shop/team');
  expect(refusal(chart)).toMatchInlineSnapshot(`
"[shop/payment] MW102 elsewhere: retry: 9: must be less; write 3
[shop/payment] MW101 shop/payment/v2/Deployment: retry: 9: must be less; write 3
[shop/payment] meshwright: 2 errors, 0 warnings, 0 acknowledged"
`);
});

test('everything is found once for each state of the program, however many charts and constructs ask', () => {
  const app = new App({ outdir: Testing.app().outdir });
  const charts = ['a', 'b', 'c'].map((id) => new Chart(app, id, { namespace: id }));
  const mesh = shopMesh(charts[0]!);
  const services = charts.map((_, index) => service(mesh, `s${index}`));
  check.mockReturnValue([]);
  app.synth();
  app.synthYaml();
  expect(check).toHaveBeenCalledTimes(1);
  services[0]!.calls(services[1]!);
  app.synthYaml();
  expect(check).toHaveBeenCalledTimes(2);
});
