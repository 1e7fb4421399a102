import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { App, Chart } from 'cdk8s';
import { parseAllDocuments } from 'yaml';
import type { ApiObject, HttpKubernetesApi } from '../../../../runtime/control-plane/kubernetes';
import { certificateRequest } from '../../../../runtime/proxy/identity/certificate-request';
import { newKey } from '../../../../runtime/proxy/identity/key';
import { create, IssueCertificateRequestSchema, type IssueCertificateResponse } from '../../../../runtime/xds';
import { Mesh, MeshService, ServicePort } from '../../../../src';
import { createCertificateClient } from '../../../runtime/control-plane/support/grpc-clients';
import { Authority } from '../../../runtime/proxy/support/pki';
import { Replica } from './replica';
import { administrator, apply, kubeconfigOf, prepare, remove } from './support';

/**
 * Who gets which certificate, on a real API server, by the rights that are emitted: tokens of service accounts that it makes and reviews, and an authority of
 * somebody else in a Secret, as cert-manager writes it: an intermediate below a root whose key is nowhere here.
 */
jest.setTimeout(180_000);

const NAMESPACE = 'apiidentity';
const SECRET = 'mesh-ca';

function program(): ApiObject[] {
  const app = new App();
  const chart = new Chart(app, 'mesh', { namespace: NAMESPACE });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'identity.example', authoritySecret: SECRET });
  const props = { mesh, port: ServicePort.http(8080), image: 'identity/app:1' };
  new MeshService(chart, 'order', props).calls(new MeshService(chart, 'payment', props));
  const documents = parseAllDocuments(app.synthYaml()).map((document) => document.toJS() as ApiObject | null);
  return documents.filter((one): one is ApiObject => one !== null && !['CustomResourceDefinition', 'PodDisruptionBudget'].includes(one.kind!));
}

const documents = program();
const deployments = documents.filter(({ kind }) => kind === 'Deployment');
const applied = documents.filter(({ kind }) => kind !== 'Deployment');

let api: HttpKubernetesApi;
let folder: string;
let root: Authority;
let replica: Replica;

/** As cert-manager writes it, and again when it has renewed it. */
async function secretOf(intermediate: Authority): Promise<ApiObject> {
  const { chain, key } = await intermediate.signing();
  const data = Object.entries({ 'tls.crt': chain, 'tls.key': key, 'ca.crt': root.bundle }).map(([name, text]) => [name, Buffer.from(text).toString('base64')]);
  return { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name: SECRET, namespace: NAMESPACE }, data: Object.fromEntries(data) } as ApiObject;
}

/** What the emitted control plane is told of its authority, at this machine's ports. */
function authorityArguments(): string[] {
  const plane: any = deployments.find(({ metadata }) => metadata.name === 'meshwright-control-plane')!.spec;
  const { args } = plane.template.spec.containers[0] as { args: string[] };
  const after = (name: string) => [name, args[args.indexOf(name) + 1]!];
  return [...after('--authority'), ...after('--trust-domain'), '--certificate-address', '127.0.0.1:0'];
}

beforeAll(async () => {
  api = administrator();
  folder = mkdtempSync(join(tmpdir(), 'meshwright-identity-'));
  root = await Authority.create('corporate root');
  await prepare(api, NAMESPACE);
  for (const document of applied) await apply(api, document);
  await apply(api, await secretOf(await Authority.create('first intermediate', root)));
  replica = new Replica('cp-1', NAMESPACE, await kubeconfigOf(api, NAMESPACE, 'meshwright-control-plane', join(folder, 'kubeconfig')), authorityArguments());
});
afterAll(async () => {
  await replica?.kill();
  for (const document of [...applied, await secretOf(root)]) await remove(api, document);
  await remove(api, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  api.close();
  rmSync(folder, { recursive: true });
});

/** A token that the API server makes for a service account. */
async function tokenOf(account: string, spec: object): Promise<string> {
  const { status: made } = await api.request<{ status: { token: string } }>({
    method: 'POST', path: `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${account}/token`, body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec },
  });
  return made.token;
}

const OWN = { audiences: ['meshwright'], expirationSeconds: 600 };

/** Asks for a certificate as a sidecar does: by a key of its own, trusting the root alone. */
async function ask(token: string): Promise<X509Certificate[]> {
  const { fields } = await replica.said(({ message }) => message === 'serving');
  const key = await newKey();
  const request = await certificateRequest(key.publicKey, async (bytes) => key.sign(bytes));
  const client = createCertificateClient(`127.0.0.1:${fields!.certificates}`, credentials.createSsl(Buffer.from(root.bundle)), {
    'grpc.ssl_target_name_override': `meshwright-control-plane.${NAMESPACE}.svc`,
  });
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  try {
    const { certificateChain } = await new Promise<IssueCertificateResponse>((done, failed) => {
      client.issueCertificate(create(IssueCertificateRequestSchema, { certificateRequest: request }), metadata, { deadline: Infinity },
        (error, response) => (error ? failed(error) : done(response!)));
    });
    return certificateChain.match(/-----BEGIN[^]+?-----END CERTIFICATE-----/g)!.map((pem) => new X509Certificate(pem));
  } finally {
    client.close();
  }
}

/** Each is signed by the next, the last by the root. */
function leadsToTheRoot(chain: readonly X509Certificate[]): boolean {
  const above = [...chain.slice(1), new X509Certificate(root.bundle)];
  return chain.every((one, i) => one.checkIssued(above[i]!) && one.verify(above[i]!.publicKey));
}

test('a token of its own audience gets the certificate of its service account, from the intermediate in the Secret', async () => {
  const chain = await ask(await tokenOf('order', OWN));
  expect(chain[0]!.subjectAltName).toBe(`URI:spiffe://identity.example/ns/${NAMESPACE}/sa/order`);
  expect(chain[0]!.issuer).toBe('CN=first intermediate');
  expect([chain.length, leadsToTheRoot(chain)]).toEqual([2, true]);
  expect((await ask(await tokenOf('payment', OWN)))[0]!.subjectAltName).toBe(`URI:spiffe://identity.example/ns/${NAMESPACE}/sa/payment`);
});

test('a token for the API server, a changed one, and one of a pod that is gone, get nothing', async () => {
  const refused = async (token: string) => ask(token).then(() => undefined, ({ code }: ServiceError) => code);
  expect(await refused(await tokenOf('order', {}))).toBe(status.UNAUTHENTICATED);
  const [head, , signature] = (await tokenOf('order', OWN)).split('.') as [string, string, string];
  const [, payload] = (await tokenOf('payment', OWN)).split('.') as [string, string, string];
  expect(await refused([head, payload, signature].join('.'))).toBe(status.UNAUTHENTICATED);
  const pod = {
    apiVersion: 'v1', kind: 'Pod', metadata: { name: 'order-1', namespace: NAMESPACE },
    spec: { serviceAccountName: 'order', containers: [{ name: 'app', image: 'identity/app:1' }] },
  } as ApiObject;
  await apply(api, pod);
  // The API server remembers for some seconds what it has said of a token: the one that comes too late is another.
  const ofPod = async (expirationSeconds: number) => (
    tokenOf('order', { ...OWN, expirationSeconds, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'order-1' } }));
  const [bound, late] = [await ofPod(600), await ofPod(1200)];
  expect((await ask(bound))[0]!.subjectAltName).toContain('/sa/order');
  expect((await replica.said(({ message, fields }) => message === 'certificate issued' && fields?.pod === 'order-1')).fields!.identity).toContain('/sa/order');
  await api.request({ method: 'DELETE', path: `/api/v1/namespaces/${NAMESPACE}/pods/order-1`, body: { gracePeriodSeconds: 0 } });
  expect(await refused(late)).toBe(status.UNAUTHENTICATED);
  expect(JSON.stringify(replica.lines)).not.toContain(bound.split('.')[2]);
});

test('an intermediate that is renewed signs from then on, without a restart', async () => {
  const from = replica.lines.length;
  await apply(api, await secretOf(await Authority.create('second intermediate', root)));
  await replica.said(({ component }) => component === 'identity', from);
  const token = await tokenOf('order', OWN);
  let chain = await ask(token);
  while (chain[0]!.issuer !== 'CN=second intermediate') chain = await ask(token);
  expect(leadsToTheRoot(chain)).toBe(true);
});
