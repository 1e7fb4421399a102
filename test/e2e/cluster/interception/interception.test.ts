import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { emptied } from '../shop/mesh';
import { kubectl, kubectlTried, nodeIn, podsOf, rolledOut, type Pod } from '../support';
import { job, manifests, NAMESPACE } from './manifests';

/** Intercepted services with strict mTLS on a real cluster: what asks them, how they start, and how they end. */

// Only a hang may run into it.
jest.setTimeout(300_000);

const CONTROL_PLANE = 'meshwright-control-plane';
const PROXY = 'meshwright-proxy';
const of = (service: string) => `mesh.meshwright.dev/service=${service}`;

interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly started?: boolean;
  readonly restartCount: number;
  readonly state: {
    readonly waiting?: { readonly reason: string };
    readonly running?: { readonly startedAt: string };
    readonly terminated?: { readonly exitCode: number; readonly startedAt: string; readonly finishedAt: string };
  };
}

/** What the kubelet says of the containers of a pod, by name. */
async function statuses(name: string): Promise<Map<string, ContainerStatus>> {
  const { status } = JSON.parse(await kubectl('get', 'pod', name, '-n', NAMESPACE, '-o', 'json')) as {
    status: { containerStatuses?: ContainerStatus[]; initContainerStatuses?: ContainerStatus[] };
  };
  return new Map([...status.initContainerStatuses ?? [], ...status.containerStatuses ?? []].map((one) => [one.name, one]));
}

/** Asks the API again and again. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((done) => setTimeout(done, 250));
  }
}

let order: Pod;
let folder: string;

/** What the application of order is answered. */
async function ask(url: string): Promise<string> {
  return (await nodeIn(order, 'order', `require('http').get(${JSON.stringify(url)}, { agent: false }, (a) => {
    let text = ''; a.on('data', (part) => { text += part; }).on('end', () => console.log(a.statusCode, text)); }).on('error', (e) => console.log(e.code));`)).trim();
}

/** From this machine, as the kubelet of a node. */
async function visit(host: string, port: number, path: string): Promise<string> {
  return new Promise((done) => {
    request({ host, port, path, agent: false }, (response) => {
      response.resume().on('end', () => done(String(response.statusCode)));
    }).on('error', ({ code }: NodeJS.ErrnoException) => done(code!)).end();
  });
}

beforeAll(async () => {
  await emptied(NAMESPACE);
  folder = manifests();
  await kubectlTried('apply', '-f', folder);
  await kubectl('wait', 'crd/meshes.mesh.meshwright.dev', 'crd/meshservices.mesh.meshwright.dev', 'crd/externalservices.mesh.meshwright.dev', '--for=condition=Established', '--timeout=60s');
  await kubectl('apply', '-f', folder);
  await rolledOut(NAMESPACE);
  await kubectl('rollout', 'status', '-n', NAMESPACE, 'statefulset/payment', '--timeout=180s');
  [order] = await podsOf(NAMESPACE, of('order'));
});

afterAll(async () => {
  // Other suites need the node for themselves, and nobody answers this webhook from now on.
  await kubectl('delete', 'mutatingwebhookconfiguration', `meshwright-injector-${NAMESPACE}`, '--ignore-not-found');
  await kubectl('delete', 'namespace', NAMESPACE, '--ignore-not-found', '--wait=false');
});

describe('probes', () => {
  test('a pod whose kubelet asks by HTTP, TCP and gRPC is ready, and stays so, although nobody gets in without a certificate', async () => {
    const pods = await podsOf(NAMESPACE, of('payment'));
    expect(pods.map(({ metadata: { name } }) => name).sort()).toEqual(['payment-0', 'payment-1']);
    for (const { metadata: { name }, status: { podIP } } of pods) {
      const { restartCount, ready, started } = (await statuses(name)).get('payment')!;
      expect({ name, restartCount, ready, started }).toEqual({ name, restartCount: 0, ready: true, started: true });
      expect([await visit(podIP, 8080, '/ready'), await visit(podIP, 9000, '/'), await visit(podIP, 15006, '/ready')]).toEqual(['ECONNRESET', 'ECONNRESET', 'ECONNRESET']);
      const asked = ['startup', 'readiness', 'liveness', 'other'].map(async (kind) => visit(podIP, 15020, `/app-health/payment/${kind}`));
      expect(await Promise.all(asked)).toEqual(['200', '200', '200', '404']);
    }
  });
});

describe('names and addresses', () => {
  test('a Service, the pods of a StatefulSet by name, and by address', async () => {
    expect(await ask('http://payment:8080/')).toMatch(/^200 payment-[01]$/);
    for (const { metadata: { name }, status: { podIP } } of await podsOf(NAMESPACE, of('payment'))) {
      for (const host of [`${name}.payment-pods`, `${name}.payment-pods.${NAMESPACE}.svc.cluster.local`, podIP]) expect(await ask(`http://${host}:8080/`)).toBe(`200 ${name}`);
    }
  });

  test('what is not declared is not reached, by name or by address', async () => {
    const [ledger] = await podsOf(NAMESPACE, of('ledger'));
    for (const host of ['ledger', ledger.status.podIP]) expect(await ask(`http://${host}:8080/`)).toBe('ECONNRESET');
  });
});

describe('pods without a data plane', () => {
  let legacy: Pod;
  beforeAll(async () => { [legacy] = await podsOf(NAMESPACE, of('legacy')); });

  test('have nothing in them, and whoever declares the call reaches them through its own proxy, in plain text', async () => {
    expect(await kubectl('get', 'pod', legacy.metadata.name, '-n', NAMESPACE, '-o', 'jsonpath={.spec.initContainers}{.spec.containers[*].name}')).toBe('legacy');
    for (const host of ['legacy', `legacy.${NAMESPACE}.svc.cluster.local`]) expect(await ask(`http://${host}:8080/`)).toBe('200 legacy proxied');
    // Beyond interception, as an application that heeds HTTP_PROXY.
    const explicit = `require('http').get({ host: '127.0.0.1', port: 15001, path: 'http://legacy/', headers: { host: 'legacy' }, agent: false }, (a) => {
      let text = ''; a.on('data', (part) => { text += part; }).on('end', () => console.log(a.statusCode, text)); }).on('error', (e) => console.log(e.code));`;
    expect((await nodeIn(order, 'order', explicit)).trim()).toBe('200 legacy proxied');
  });

  test('call who takes plain text, and nobody else', async () => {
    const said = async (url: string) => (await nodeIn(legacy, 'legacy', `require('http').get(${JSON.stringify(url)}, { agent: false }, (a) => {
      let text = ''; a.on('data', (part) => { text += part; }).on('end', () => console.log(a.statusCode, text)); }).on('error', (e) => console.log(e.code));`)).trim();
    expect(await said('http://prices:8080/')).toMatch(/^200 prices /);
    expect(await said('http://payment:8080/')).toBe('ECONNRESET');
    expect(await said('http://ledger:8080/')).toBe('ECONNRESET');
  });
});

describe('pods with a library of gRPC', () => {
  test('have a certificate in files, whose roots their agent is told by the control plane, which counts them', async () => {
    const [till] = await podsOf(NAMESPACE, of('till'));
    const certificates = `const at = '/var/run/meshwright-certificates/', { readFileSync } = require('fs'), { X509Certificate } = require('crypto');
      const [leaf, root] = ['svid.pem', 'ca.pem'].map((name) => new X509Certificate(readFileSync(at + name)));
      console.log(leaf.subjectAltName, leaf.verify(root.publicKey));`;
    const said = await kubectl('exec', till.metadata.name, '-n', NAMESPACE, '-c', 'till', '--', '/usr/bin/node', '-e', certificates);
    expect(said.trim()).toBe(`URI:spiffe://intercepted.example/ns/${NAMESPACE}/sa/till true`);
    const pods = await podsOf(NAMESPACE, 'mesh.meshwright.dev/service');
    const identity = "fetch('http://127.0.0.1:15014/identity').then((a) => a.json()).then(({ proxies }) => console.log(proxies))";
    await until(async () => {
      const told = (await podsOf(NAMESPACE, `app.kubernetes.io/name=${CONTROL_PLANE}`)).map(async (one) => Number(await nodeIn(one, CONTROL_PLANE, identity)));
      // Each pod that has something of the mesh in it: legacy has nothing.
      return (await Promise.all(told)).reduce((sum, proxies) => sum + proxies, 0) === pods.length - 1 || undefined;
    });
  });
});

describe('start', () => {
  test('a Job whose pod is injected calls in its first moment, and ends with its sidecar', async () => {
    const file = join(folder, 'job.json');
    writeFileSync(file, JSON.stringify(job('once')));
    await kubectl('apply', '-f', file);
    await until(async () => {
      const { status: { conditions = [] } } = JSON.parse(await kubectl('get', 'job', 'once', '-n', NAMESPACE, '-o', 'json')) as { status: { conditions?: { type: string }[] } };
      return conditions.find(({ type }) => type === 'Complete' || type === 'Failed');
    });
    const { items: [pod] } = JSON.parse(await kubectl('get', 'pods', '-n', NAMESPACE, '-l', 'job=once', '-o', 'json')) as { items: [Pod] };
    expect(await kubectl('logs', pod.metadata.name, '-n', NAMESPACE, '-c', 'once')).toBe('payment 200\n');
    expect(pod.status.phase).toBe('Succeeded');
    const containers = await statuses(pod.metadata.name);
    expect(['meshwright-intercept', PROXY, 'once'].map((name) => containers.get(name)!.state.terminated?.exitCode)).toEqual([0, 0, 0]);
    const at = (name: string, what: 'startedAt' | 'finishedAt') => Date.parse(containers.get(name)!.state.terminated![what]);
    expect(at('meshwright-intercept', 'finishedAt')).toBeLessThanOrEqual(at(PROXY, 'startedAt'));
    expect(at(PROXY, 'startedAt')).toBeLessThanOrEqual(at('once', 'startedAt'));
    expect(at('once', 'finishedAt')).toBeLessThanOrEqual(at(PROXY, 'finishedAt'));
  });

  test('the application waits until its proxy is ready, however long that takes', async () => {
    await kubectl('scale', '-n', NAMESPACE, `deployment/${CONTROL_PLANE}`, '--replicas=0');
    await until(async () => (await podsOf(NAMESPACE, `app.kubernetes.io/name=${CONTROL_PLANE}`)).length === 0 || undefined);
    const before = new Set((await podsOf(NAMESPACE, of('order'))).map(({ metadata: { uid } }) => uid));
    await kubectl('delete', 'pod', '-n', NAMESPACE, '-l', of('order'), '--wait=false');
    const fresh = async () => {
      const { items } = JSON.parse(await kubectl('get', 'pods', '-n', NAMESPACE, '-l', of('order'), '-o', 'json')) as { items: Pod[] };
      return items.find(({ metadata: { uid } }) => !before.has(uid));
    };
    const { metadata: { name } } = await until(fresh);
    // Its process is there, asks for a certificate, and gets none.
    const waiting = await until(async () => {
      const containers = await statuses(name);
      return containers.get(PROXY)?.state.running && containers;
    });
    expect([waiting.get(PROXY)!.started, waiting.get('order')!.state]).toEqual([false, { waiting: { reason: 'PodInitializing' } }]);
    await kubectl('scale', '-n', NAMESPACE, `deployment/${CONTROL_PLANE}`, '--replicas=2');
    await rolledOut(NAMESPACE);
    const running = await statuses(name);
    expect([running.get(PROXY)!.started, running.get('order')!.restartCount]).toEqual([true, 0]);
    const at = (container: string) => Date.parse(running.get(container)!.state.running!.startedAt);
    expect(at(PROXY)).toBeLessThanOrEqual(at('order'));
    [order] = await podsOf(NAMESPACE, of('order'));
    // It exits where its first call fails.
    expect(order.metadata.name).toBe(name);
  });
});

describe('end', () => {
  test('a pod is deleted during a slow request: it is answered, the application still calls others after SIGTERM, and nothing has to be killed', async () => {
    const pod = 'payment-0';
    // So that it can be looked at when it has ended.
    await kubectl('patch', 'pod', pod, '-n', NAMESPACE, '--type=merge', '-p', JSON.stringify({ metadata: { finalizers: ['test.meshwright.dev/looked-at'] } }));
    try {
      const slow = nodeIn(order, 'order', `require('http').get('http://${pod}.payment-pods:8080/slow', { agent: false }, (a) => {
        let text = ''; a.on('data', (part) => { text += part; }).on('end', () => console.log(a.statusCode, text)).on('error', (e) => console.log(text, e.code)); }).on('error', (e) => console.log(e.code));`);
      await until(async () => Number(await nodeIn(await podNamed(pod), 'payment', ACTIVE)) > 0 || undefined);
      await kubectl('delete', 'pod', pod, '-n', NAMESPACE, '--wait=false');
      expect((await slow).trim()).toBe(`200 begun ${pod} after SIGTERM: ledger 200 200`);
      const ended = await until(async () => {
        const containers = await statuses(pod);
        return containers.get(PROXY)!.state.terminated && containers;
      });
      expect(['payment', PROXY].map((name) => ended.get(name)!.state.terminated?.exitCode)).toEqual([0, 0]);
      const at = (name: string) => Date.parse(ended.get(name)!.state.terminated!.finishedAt);
      expect(at('payment')).toBeLessThanOrEqual(at(PROXY));
    } finally {
      await kubectl('patch', 'pod', pod, '-n', NAMESPACE, '--type=merge', '-p', JSON.stringify({ metadata: { finalizers: null } }));
    }
    await kubectl('rollout', 'status', '-n', NAMESPACE, 'statefulset/payment', '--timeout=180s');
    expect(await ask(`http://${pod}.payment-pods:8080/`)).toBe(`200 ${pod}`);
  });
});

/** Requests that the proxy of a pod has under way to its application. */
const ACTIVE = `fetch('http://127.0.0.1:15020/stats/prometheus').then((a) => a.text()).then((text) => console.log(
  text.split('\\n').filter((line) => line.startsWith('envoy_cluster_upstream_rq_active{') && line.includes('"inbound:8080"')).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)))`;

async function podNamed(name: string): Promise<Pod> {
  return JSON.parse(await kubectl('get', 'pod', name, '-n', NAMESPACE, '-o', 'json')) as Pod;
}
