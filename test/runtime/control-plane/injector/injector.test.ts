import { request } from 'node:https';
import { systemClock } from '../../../../runtime/clock';
import { createRoot } from '../../../../runtime/control-plane/identity/authority-material';
import type { AuthorityStore } from '../../../../runtime/control-plane/identity/authority-store';
import { CertificateAuthority } from '../../../../runtime/control-plane/identity/certificate-authority';
import { ServingIdentity } from '../../../../runtime/control-plane/identity/serving-identity';
import { Injector, review } from '../../../../runtime/control-plane/injector';
import { silentLog } from '../../../../runtime/control-plane/log';
import type { InjectionSettings } from '../../../../src/contract';

const SETTINGS: InjectionSettings = {
  controlPlane: { namespace: 'mesh', trustDomain: 'shop.example', clusterDomain: undefined },
  proxy: { image: 'meshwright/proxy:0', logLevel: 'info', concurrency: 1, resources: { limits: { memory: '256Mi' } } },
  interception: {},
};
const pod = { metadata: { labels: {} }, spec: { containers: [{ name: 'echo' }] } };
const asked = { kind: 'AdmissionReview', request: { uid: 'u1', namespace: 'echo', object: pod } };

test('the answer is one patch of the spec', () => {
  const { answer, admission } = review(asked, SETTINGS);
  const { patch, ...rest } = answer.response;
  expect({ admission, rest }).toEqual({ admission: 'injected', rest: { uid: 'u1', allowed: true, patchType: 'JSONPatch' } });
  const [{ op, path, value }] = JSON.parse(Buffer.from(patch!, 'base64').toString());
  expect([op, path, value.initContainers.map(({ name }: { name: string }) => name)]).toEqual(['replace', '/spec', ['meshwright-intercept', 'meshwright-proxy']]);
});

test('a hook that the kubelet asks by HTTP is warned of, as nobody answers it', () => {
  const hooked = { metadata: { labels: { 'mesh.meshwright.dev/service': 'echo' } }, spec: { containers: [{ name: 'echo', lifecycle: { preStop: { httpGet: { path: '/', port: 8080 } } } }] } };
  const { answer } = review({ ...asked, request: { ...asked.request, object: hooked } }, SETTINGS);
  expect(answer.response).toMatchObject({
    allowed: true, warnings: ['meshwright: container echo: preStop.httpGet does not come through, as the kubelet has no certificate: write exec, or exclude its port from interception'],
  });
  expect(review({ ...asked, request: { ...asked.request, object: { ...hooked, metadata: {} } } }, SETTINGS).answer.response.warnings).toBeUndefined();
});

test('without a Mesh that says what, and for a pod that cannot, the pod is refused with the reason', () => {
  expect(review(asked, undefined).answer.response).toMatchObject({ allowed: false, status: { code: 503, message: expect.stringMatching(/spec\.injection/) } });
  const host = { ...asked, request: { ...asked.request, object: { spec: { ...pod.spec, hostNetwork: true } } } };
  expect(review(host, SETTINGS).answer.response).toMatchObject({ allowed: false, status: { code: 422, message: expect.stringMatching(/hostNetwork/) } });
});

describe('over HTTPS', () => {
  const listeners: Array<() => void> = [];
  let authority: CertificateAuthority;
  let serving: ServingIdentity;
  let injector: Injector;
  const injectedInto: string[] = [];

  beforeAll(async () => {
    const now = systemClock.wallTime();
    authority = await CertificateAuthority.load(await createRoot('shop.example', now), 'test', now);
    const store = { name: 'test', get current() { return authority; }, problem: undefined, subscribe: (listener: () => void) => { listeners.push(listener); } };
    serving = new ServingIdentity({
      clock: systemClock, random: () => 0.5, log: silentLog, authority: store as unknown as AuthorityStore, lifetime: 3_600_000,
      identity: 'spiffe://shop.example/ns/mesh/sa/meshwright-control-plane', dnsNames: ['meshwright-control-plane.mesh.svc'],
    });
    listeners.forEach((changed) => changed());
    await serving.ready();
    injector = new Injector({
      log: silentLog, address: { host: '127.0.0.1', port: 0 }, serving, settings: () => SETTINGS, injected: (namespace) => injectedInto.push(namespace),
    });
    await injector.listen();
  });
  afterAll(async () => {
    await injector.close();
    await serving.close();
  });

  /** As the API server does: the name of the Service, and the bundle as the only roots. */
  async function post(path: string, body: string): Promise<{ status: number; body: any; serial: string }> {
    return new Promise((resolve, reject) => {
      const sent = request({
        host: '127.0.0.1', port: injector.port, path, method: 'POST', servername: 'meshwright-control-plane.mesh.svc', ca: authority.trustBundle, agent: false,
      }, (response) => {
        const { serialNumber } = (response.socket as import('node:tls').TLSSocket).getPeerCertificate();
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; }).on('end', () => resolve({ status: response.statusCode!, body: JSON.parse(text), serial: serialNumber }));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  test('the API server, which knows the roots alone, gets its answer; and the namespace is remembered', async () => {
    const { status, body } = await post('/inject?timeout=10s', JSON.stringify(asked));
    expect([status, body.response.allowed, injectedInto]).toEqual([200, true, ['echo']]);
  });

  test('what is no review is 400, and another path 404', async () => {
    expect((await post('/inject', '{')).status).toBe(400);
    expect((await post('/inject', '{"kind":"Pod"}')).status).toBe(400);
    expect((await post('/other', '{}')).status).toBe(404);
    expect(injector.stats).toMatchObject({ injected: 1, invalid: 2 });
  });

  test('a certificate that was renewed is shown from then on', async () => {
    const before = await post('/inject', JSON.stringify(asked));
    const renewed = new Promise<void>((resolve) => {
      let first = true;
      serving.addIdentityCertificateListener(() => {
        // The one that is there is told at once.
        if (!first) resolve();
        first = false;
      });
    });
    await new Promise((turn) => { process.nextTick(turn); });
    listeners.forEach((changed) => changed());
    await renewed;
    expect((await post('/inject', JSON.stringify(asked))).serial).not.toBe(before.serial);
  });
});
