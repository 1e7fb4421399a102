import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Chart, Duration, JsonPatch } from 'cdk8s';
import { Mesh, MeshService, Retry, RetryOn, ServicePort, Timeout } from '../../../../src';
import { complaints, loadPrograms, RunningLoad, summary } from '../../support/load';
import { ApiServerProcess } from '../api-server/support';
import { emptied } from '../shop/mesh';
import { kubectl, kubectlTried, podsOf, processesOf, rolledOut, ROOT } from '../support';

/**
 * What goes wrong in a cluster, one after the other, while 500 requests a second go through two sidecars with mTLS. A retry of idempotent requests is
 * declared, so it covers every call: none may be lost, and none may get an answer that is not its own.
 */

// Only a hang may run into it.
jest.setTimeout(300_000);

/** Requests a second that there have to be, at the least; a little more are sent. */
const RATE = 500;
/** Seconds that a certificate is valid: every one of them runs out, and is replaced, while the load goes on. */
const LIFETIME = 120;
const NAMESPACE = 'chaos';
const CONTROL_PLANE = 'meshwright-control-plane';
const of = (service: string) => `mesh.meshwright.dev/service=${service}`;

/** The image is one that has Node.js; what runs in it is in a ConfigMap. */
function manifests(): { dist: string; programs: ReturnType<typeof loadPrograms> } {
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-chaos-'));
  const dist = join(folder, 'dist');
  mkdirSync(dist);
  const app = new App({ outdir: dist });
  const chart = new Chart(app, NAMESPACE, { namespace: NAMESPACE });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'chaos.example', certificateLifetime: Duration.seconds(LIFETIME) });
  const port = ServicePort.http(8080);
  const service = (name: string, replicas: number, env: Record<string, string> = {}) => {
    const made = new MeshService(chart, name, {
      mesh, port, replicas, env, image: 'shop/order:2.0.0', command: ['/usr/bin/node', `/programs/${name}.js`],
      timeout: Timeout.total(Duration.seconds(26), { perTry: Duration.seconds(5) }),
      retry: Retry.exponential({
        attempts: 4, baseInterval: Duration.millis(50), maxInterval: Duration.seconds(1), jitterPercent: 50,
        on: [RetryOn.CONNECT_FAILURE, RetryOn.REFUSED_STREAM, RetryOn.RESET, RetryOn.GATEWAY_ERROR, RetryOn.PER_TRY_TIMEOUT],
      }),
    });
    made.workload.addJsonPatch(
      JsonPatch.add('/spec/template/spec/volumes/-', { name: 'programs', configMap: { name: 'programs' } }),
      JsonPatch.add('/spec/template/spec/containers/0/volumeMounts/-', { name: 'programs', mountPath: '/programs', readOnly: true }),
    );
    return made;
  };
  const echo = service('echo', 3);
  service('generator', 1, { URL: 'http://echo/', RATE: String(1.04 * RATE), PORT: '8080' }).calls(echo);
  app.synth();
  return { dist, programs: loadPrograms(folder) };
}

let load: RunningLoad | undefined;

/** What was lost or wrong before: one failure does not stand for the next ones. */
let before = { lost: 0, wrong: 0 };

/** The load goes on, and nothing was lost or wrong meanwhile. */
async function unharmed(what: string): Promise<void> {
  const report = await load!.flowing(1500);
  process.stdout.write(`${what}: ${summary(report)}\n`);
  // One that begins to wait for answers would be no constant load.
  expect((report.sent * 1000) / report.elapsed).toBeGreaterThanOrEqual(RATE);
  const meanwhile = { lost: report.lost - before.lost, wrong: report.wrong - before.wrong };
  before = report;
  expect({ ...meanwhile, failures: meanwhile.lost + meanwhile.wrong > 0 ? report.failures : [] }).toEqual({ lost: 0, wrong: 0, failures: [] });
}

const controlPlanes = async () => podsOf(NAMESPACE, `app.kubernetes.io/name=${CONTROL_PLANE}`);
const leader = async () => (await kubectl('get', 'lease', CONTROL_PLANE, '-n', NAMESPACE, '-o', 'jsonpath={.spec.holderIdentity}')).split('_')[0];

/** As an out-of-memory kill ends it: without a word. */
function kill(pod: Parameters<typeof processesOf>[0], program: string): void {
  for (const { pid, command } of processesOf(pod)) if (command.includes(program)) process.kill(pid, 'SIGKILL');
}

async function seconds(count: number): Promise<void> {
  return new Promise((done) => setTimeout(done, count * 1000));
}

beforeAll(async () => {
  const { dist, programs } = manifests();
  await emptied(NAMESPACE);
  await kubectlTried('apply', '-f', dist);
  await kubectl('create', 'configmap', 'programs', '-n', NAMESPACE, `--from-file=echo.js=${programs.echo}`, `--from-file=generator.js=${programs.generator}`);
  await kubectl('wait', 'crd/meshes.mesh.meshwright.dev', 'crd/meshservices.mesh.meshwright.dev', 'crd/externalservices.mesh.meshwright.dev', '--for=condition=Established', '--timeout=60s');
  await kubectl('apply', '-f', dist);
  await rolledOut(NAMESPACE);
  const [generator] = await podsOf(NAMESPACE, of('generator'));
  load = new RunningLoad(`http://${generator.status.podIP}:8080`);
  await load.flowing(500);
});

afterAll(async () => {
  const report = await load?.stop();
  if (!report) return;
  process.stdout.write(`all of it: ${summary(report)}\n`);
  expect(complaints(report)).toEqual([]);
});

test('a replica of the control plane is killed', async () => {
  const leads = await leader();
  kill((await controlPlanes()).find(({ metadata }) => metadata.name !== leads)!, 'control-plane.js');
  await unharmed('a replica of the control plane is killed');
  await rolledOut(NAMESPACE, CONTROL_PLANE);
});

test('the leader is killed', async () => {
  const leads = await leader();
  kill((await controlPlanes()).find(({ metadata }) => metadata.name === leads)!, 'control-plane.js');
  await unharmed('the leader is killed');
  await rolledOut(NAMESPACE, CONTROL_PLANE);
});

test('the API server is away for 30 seconds', async () => {
  const server = new ApiServerProcess();
  server.kill();
  await seconds(30);
  server.start();
  await unharmed('the API server is away for 30 seconds');
  while (!(await kubectlTried('get', '--raw', '/readyz')).succeeded) await seconds(0.5);
});

test('etcd is restarted', async () => {
  const etcd = new ApiServerProcess('etcd');
  etcd.kill();
  await seconds(2);
  etcd.start();
  await unharmed('etcd is restarted');
  while (!(await kubectlTried('get', '--raw', '/readyz')).succeeded) await seconds(0.5);
});

test('a sidecar is killed', async () => {
  const [echo] = await podsOf(NAMESPACE, of('echo'));
  kill(echo, 'proxy.js');
  await unharmed('a sidecar is killed');
  await rolledOut(NAMESPACE, 'echo');
});

test('a pod is deleted', async () => {
  const [echo] = await podsOf(NAMESPACE, of('echo'));
  await kubectl('delete', 'pod', '-n', NAMESPACE, echo.metadata.name, '--timeout=60s');
  await unharmed('a pod is deleted');
  await rolledOut(NAMESPACE, 'echo');
});

test('pods are evicted, as when a node is drained', async () => {
  for (const { metadata: { name } } of await podsOf(NAMESPACE, of('echo'))) {
    const eviction = JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: NAMESPACE } });
    // The budget lets one go at a time.
    while (!(await evicted(name, eviction))) await seconds(0.5);
  }
  await unharmed('pods are evicted');
  await rolledOut(NAMESPACE, 'echo');
});

async function evicted(name: string, eviction: string): Promise<boolean> {
  const file = join(mkdtempSync(join(tmpdir(), 'meshwright-eviction-')), 'eviction.json');
  writeFileSync(file, eviction);
  return (await kubectlTried('create', '--raw', `/api/v1/namespaces/${NAMESPACE}/pods/${name}/eviction`, '-f', file)).succeeded;
}

test('the application is rolled out', async () => {
  await kubectl('rollout', 'restart', '-n', NAMESPACE, 'deployment/echo');
  await rolledOut(NAMESPACE, 'echo');
  await unharmed('the application is rolled out');
});

test('the control plane is rolled out', async () => {
  await kubectl('rollout', 'restart', '-n', NAMESPACE, `deployment/${CONTROL_PLANE}`);
  await rolledOut(NAMESPACE, CONTROL_PLANE);
  await unharmed('the control plane is rolled out');
});

test('the sidecars are rolled out: another image of the proxy in every pod that is called', async () => {
  const proxy = '.spec.template.spec.initContainers[?(@.name=="meshwright-proxy")].image';
  const named = await kubectl('get', 'deployment', 'echo', '-n', NAMESPACE, '-o', `jsonpath={${proxy}}`);
  // The same bytes by their digest: to the kubelet it is another image.
  const { proxy: digest } = JSON.parse(readFileSync(join(ROOT, 'build/images.json'), 'utf8')) as { proxy: string };
  const image = `${named.split('@')[0]}@${digest}`;
  expect(image).not.toBe(named);
  const patch = { spec: { template: { spec: { initContainers: [{ name: 'meshwright-proxy', image }] } } } };
  await kubectl('patch', 'deployment', 'echo', '-n', NAMESPACE, '--type=strategic', '-p', JSON.stringify(patch));
  await rolledOut(NAMESPACE, 'echo');
  await unharmed('the sidecars are rolled out');
  const images = (await kubectl('get', 'pods', '-n', NAMESPACE, '-l', of('echo'), '-o', 'jsonpath={range .items[*]}{.spec.initContainers[*].image}{"\\n"}{end}')).trim().split('\n');
  expect(images.filter((one) => one === image).length).toBeGreaterThanOrEqual(3);
});

// The last step waits until the last certificate of the old root has ended.
test('the root is rotated', async () => {
  await kubectl('exec', '-n', NAMESPACE, `deploy/${CONTROL_PLANE}`, '--', '/usr/bin/node', '/app/control-plane.js', 'rotate-root');
  await unharmed('the root is rotated');
});

test('every certificate has run out meanwhile', async () => {
  const { elapsed } = await load!.report();
  if (elapsed < 2000 * LIFETIME) await seconds(2 * LIFETIME - elapsed / 1000);
  await unharmed('every certificate has run out');
});
