import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { systemClock } from '../../../../runtime/clock';
import { startControlPlane, type ControlPlane } from '../../../../runtime/control-plane/control-plane';
import { FileAuthorityStore } from '../../../../runtime/control-plane/identity/file-store';
import { ListedTokenVerifier } from '../../../../runtime/control-plane/identity/token';
import { silentLog } from '../../../../runtime/control-plane/log';
import { certificateRequest } from '../../../../runtime/proxy/identity/certificate-request';
import { newKey } from '../../../../runtime/proxy/identity/key';
import {
  create, DeltaDiscoveryRequestSchema, fromJson, IssueCertificateRequestSchema, NodeSchema, SecretSchema, TypeUrl, unpackAnyAs,
  type IssueCertificateResponse,
} from '../../../../runtime/xds';
import { mesh, whole } from '../support/documents';
import { createAdsClient, createCertificateClient } from '../support/grpc-clients';
import { MemorySource } from '../support/memory-source';

const TOKENS = new Map(['order', 'payment', 'stranger'].map((name) => [`token-of-${name}`, { namespace: 'shop', serviceAccount: name, pod: undefined }]));

let folder: string;
let controlPlane: ControlPlane;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshwright-identity-'));
  const clock = systemClock;
  controlPlane = await startControlPlane({
    clock,
    source: new MemorySource([mesh(), ...whole('payment', ['10.0.0.2']), ...whole('order', ['10.0.0.1'], ['payment'])]),
    xdsAddress: { host: '127.0.0.1', port: 0 },
    identity: {
      authority: new FileAuthorityStore({ clock, log: silentLog, file: join(folder, 'authority.json'), create: 'shop.example' }),
      tokens: new ListedTokenVerifier(() => TOKENS),
      trustDomain: 'shop.example',
      self: { namespace: 'mesh', serviceAccount: 'meshwright-control-plane' },
      dnsNames: ['control-plane.example'],
      address: '127.0.0.1:0',
    },
  });
});
afterAll(async () => {
  await controlPlane.close();
  rmSync(folder, { recursive: true });
});

const NAME = { 'grpc.ssl_target_name_override': 'control-plane.example' };

/** What a proxy does before it connects. */
async function certificateOf(name: string, bundle: string) {
  const key = await newKey();
  const request = await certificateRequest(key.publicKey, async (bytes) => key.sign(bytes));
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer token-of-${name}`);
  const client = createCertificateClient(`127.0.0.1:${controlPlane.certificatePort}`, credentials.createSsl(Buffer.from(bundle)), NAME);
  const issued = await new Promise<IssueCertificateResponse>((resolve, reject) => {
    client.issueCertificate(create(IssueCertificateRequestSchema, { certificateRequest: request }), metadata, { deadline: Infinity },
      (error, response) => (error ? reject(error) : resolve(response!)));
  }).finally(() => client.close());
  return credentials.createSsl(Buffer.from(issued.trustBundle), Buffer.from(key.privateKey), Buffer.from(issued.certificateChain));
}

/** The first answer to a node of a service that asks for the trust bundle, or why there is none. */
async function ask(service: string, channel: ReturnType<typeof credentials.createSsl>): Promise<string> {
  const client = createAdsClient(`127.0.0.1:${controlPlane.xdsPort}`, channel, NAME);
  const stream = client.deltaAggregatedResources();
  const node = fromJson(NodeSchema, { id: `${service}-1.shop`, metadata: { service, namespace: 'shop', version: 'base', podIp: '10.0.0.1' } });
  stream.write(create(DeltaDiscoveryRequestSchema, { node, typeUrl: TypeUrl.SDS, resourceNamesSubscribe: ['trust-bundle', 'svid'] }));
  return new Promise<string>((resolve) => {
    stream.on('data', ({ resources }: { resources: Array<{ name: string; resource: never }> }) => {
      const secrets = resources.map(({ name, resource }) => `${name}: ${unpackAnyAs(SecretSchema, resource)!.type.case}`);
      resolve(secrets.join(', '));
    });
    stream.on('error', ({ code, details }: ServiceError) => resolve(`${code} ${details}`));
  }).finally(() => {
    stream.cancel();
    client.close();
  });
}

test('who has the certificate of a service gets what its proxy runs: the roots, and no key', async () => {
  expect(await ask('order', await certificateOf('order', controlPlane.trustBundle!))).toBe('trust-bundle: validationContext');
});

test('who has the certificate of another gets nothing of it', async () => {
  expect(await ask('order', await certificateOf('payment', controlPlane.trustBundle!))).toBe(
    '7 node order-1.shop says that it is of shop/order, which is spiffe://shop.example/ns/shop/sa/order; its certificate is of spiffe://shop.example/ns/shop/sa/payment');
});

test('who has none is not let in', async () => {
  expect(await ask('order', credentials.createSsl(Buffer.from(controlPlane.trustBundle!)))).toMatch(/^14 /);
  expect(await ask('order', credentials.createInsecure())).toMatch(/^14 /);
});
