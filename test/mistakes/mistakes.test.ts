import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Chart, Duration, Testing } from 'cdk8s';
import { CallRule, HttpRoute, HttpRule, Interception, Mesh, MeshService, Retry, RetryOn, ServicePort, StringMatch } from '../../src';
import { FOUND } from './found';
import { diagnose, outcome } from './program';
import { TYPES } from './types';

const ALL = [...TYPES, ...FOUND];
const diagnostics = diagnose(Object.fromEntries(ALL.flatMap(({ id, wrong, right }) => [[`${id}-wrong`, wrong], [`${id}-right`, right]])));

describe.each(TYPES.map((one) => [one.id, one.title, one] as const))('%s %s', (id, _, { says, right }) => {
  test('does not compile', () => {
    expect(diagnostics[`${id}-wrong`]!.join('\n')).toMatch(says!);
  });

  test('put right, compiles and gives no finding', () => {
    expect(diagnostics[`${id}-right`]).toEqual([]);
    expect(outcome(right)).toMatchObject({ errors: [], warnings: [] });
  });
});

describe.each(FOUND.map((one) => [one.id, one.title, one] as const))('%s %s', (id, _, { verdict, beside = [], wrong, right }) => {
  test('is found by synth, and nothing else is', () => {
    expect(diagnostics[`${id}-wrong`]).toEqual([]);
    const { error, warning } = verdict as { error?: string; warning?: string };
    expect(outcome(wrong)).toMatchObject({
      errors: error === undefined ? [] : [error, ...beside].sort(),
      warnings: warning === undefined ? [] : [warning],
    });
  });

  test('put right, compiles and gives no finding', () => {
    expect(diagnostics[`${id}-right`]).toEqual([]);
    expect(outcome(right)).toMatchObject({ errors: [], warnings: [] });
  });
});

describe('what cannot be forgotten, because the manifest always has it', () => {
  const app = new App();
  const shop = new Chart(app, 'shop', { namespace: 'shop' });
  const mesh = new Mesh(shop, 'mesh', { trustDomain: 'shop.example', proxy: { resources: {} } });
  const payment = new MeshService(shop, 'payment', {
    mesh, image: 'shop/payment:1.4.2', port: ServicePort.http(8080), readinessPath: '/healthz', interception: Interception.transparent(),
  });
  new MeshService(shop, 'order', { mesh, image: 'shop/order:2.0.0', port: ServicePort.http(8080) })
    .calls(payment, { allow: [CallRule.http({ path: StringMatch.prefix('/charges') })] });
  const v2 = payment.addVersion('v2', { image: 'shop/payment:2.0.0' });
  new HttpRoute(shop, 'canary', {
    service: payment, rules: [HttpRule.canary(v2, 5, { retry: Retry.constant(Duration.millis(10), { attempts: 1, on: [RetryOn.RESET] }) })],
  });
  const manifests: any[] = Testing.synth(shop);
  const one = (kind: string, name: string): any => manifests.find((object) => object.kind === kind && object.metadata.name === name);
  const sidecar = (name: string): any => one('Deployment', name).spec.template.spec.initContainers.find((container: any) => container.name === 'meshwright-proxy');

  test('M029 M041: no retry and no timeout but those that are written', () => {
    const { spec } = one('MeshService', 'payment');
    expect(spec).not.toHaveProperty('retry');
    expect(spec).not.toHaveProperty('timeout');
    expect(spec.rules).toEqual([expect.objectContaining({ rule: 'canary/rule-1', retry: expect.objectContaining({ attempts: 1, methods: expect.not.arrayContaining(['POST']) }) })]);
    expect(one('HTTPRoute', 'canary').spec.rules[0]).not.toHaveProperty('timeouts');
  });

  test('M022 M025 M151 M152 M169: selectors select what was labelled, and each version only itself', () => {
    const selectors = ['payment', 'payment-v2'].map((name) => {
      const { selector, template } = one('Deployment', name).spec;
      expect(template.metadata.labels).toMatchObject(selector.matchLabels);
      expect(one('Service', name).spec.selector).toEqual(selector.matchLabels);
      return JSON.stringify(selector.matchLabels);
    });
    expect(new Set(selectors).size).toBe(2);
  });

  test('M119: the Service targets the port that the sidecar opens', () => {
    const [port] = one('Service', 'payment').spec.ports;
    expect(sidecar('payment').ports.map(({ containerPort }: { containerPort: number }) => containerPort)).toContain(port.targetPort);
    expect(port).toMatchObject({ port: 8080, appProtocol: 'http' });
  });

  test('M166 M191: the proxy is a native sidecar that needs no right of its node', () => {
    expect(sidecar('payment')).toMatchObject({
      restartPolicy: 'Always',
      securityContext: { runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(sidecar('payment').securityContext.capabilities).not.toHaveProperty('add');
  });

  test('M085: a declared call is the permission for it', () => {
    expect(one('MeshService', 'order').spec.calls).toEqual([expect.objectContaining({ service: 'payment', namespace: 'shop' })]);
    expect(one('MeshService', 'payment').spec).not.toHaveProperty('authorization');
  });

  test('M098: probes of an intercepted pod are answered by its sidecar, whatever callers may ask for', () => {
    const [container] = one('Deployment', 'payment').spec.template.spec.containers;
    expect(container.readinessProbe.httpGet).toMatchObject({ path: `/app-health/${container.name}/readiness`, port: 15020 });
  });

  test('M181: the proxy requests CPU and memory, also where the program names none', () => {
    expect(sidecar('payment').resources).toMatchObject({ requests: { cpu: expect.any(String), memory: expect.any(String) }, limits: { memory: expect.any(String) } });
  });
});

test('docs/mistakes.md says of each mistake what this file shows', () => {
  const page = readFileSync(join(__dirname, '..', '..', 'docs', 'mistakes.md'), 'utf8');
  const rows = new Map([...page.matchAll(/^\| (M\d{3}) \| .* \| (.*) \|$/gm)]
    .map(([, id, verdict]) => [id!, verdict!]));
  const verdicts = [...rows.values()];
  const counted = [/^(?!does not compile|\[MW|cannot be: |known only)/, /does not compile/, /^\[MW/, /^cannot be: /, /^known only/]
    .map((kind) => verdicts.filter((verdict) => kind.test(verdict)).length);
  const [later, types, found, impossible, atRunTime] = counted;
  expect(page.replaceAll('\n', ' ')).toContain(`${rows.size} real misconfigurations, each written with this SDK as closely as it allows. ${types} do not compile, `
    + `${found} are found by synth, ${impossible} cannot be because of what every manifest has, ${atRunTime} are known at run time only; ${later} touch what`);
  for (const { id, verdict } of ALL) {
    const word = verdict === 'type' ? 'does not compile' : 'error' in verdict ? verdict.error : verdict.warning;
    expect(`${id} ${rows.get(id)}`).toContain(word);
  }
  const shown = new Set(ALL.map(({ id }) => id));
  for (const [id, verdict] of rows) {
    if (/does not compile|MW\d{3}/.test(verdict)) expect([...shown]).toContain(id);
  }
});
