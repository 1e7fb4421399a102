import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chart, Duration, type App } from 'cdk8s';
import { JwtAuthentication, Mesh, MeshService, ServicePort } from '../../../src';
import { Authority } from '../../runtime/proxy/support/pki';
import { ask, Manifests, RunningShop } from '../local/shop';
import { OpenIdProvider, providerKey } from './provider';

/**
 * Real OpenID providers behind TLS, in a mesh as it runs: whoever asks them, control plane and proxies, verifies their certificates; by authorities that the
 * program names, or by those of the system. And services that take the tokens of two of them.
 */
jest.setTimeout(180_000);

/** The application tells whose token it was. */
const APPLICATION = `
  require('node:http').createServer(({ headers }, response) => response.end(headers['x-customer'] ? 'customer' : headers['x-staff'] ? 'staff' : '?'))
    .listen(8080, process.env.HOST);
`;
const NAME = 'localhost';

class Program extends Chart {
  constructor(app: App, customers: OpenIdProvider, staff: OpenIdProvider, authorities: { readonly customers: string; readonly staff: string }) {
    super(app, 'tls', { namespace: 'tls' });
    const mesh = new Mesh(this, 'mesh', { trustDomain: 'tls.example' });
    const props = { mesh, port: ServicePort.http(8080), image: 'tls/app:1' };
    const options = { audiences: ['payment'], refreshKeysAfter: Duration.minutes(10) };
    const ofCustomers = { ...options, claimHeaders: { 'x-customer': 'client_id' } };
    const services = {
      // Discovery by the control plane, keys by the proxy.
      both: JwtAuthentication.anyOf(
        JwtAuthentication.oidc(customers.issuer, { ...ofCustomers, caCertificates: authorities.customers }),
        JwtAuthentication.oidc(staff.issuer, { ...options, claimHeaders: { 'x-staff': 'client_id' }, caCertificates: authorities.staff }),
      ),
      system: JwtAuthentication.jwks(customers.issuer, `${customers.issuer}/jwks`, ofCustomers),
      public: JwtAuthentication.jwks(customers.issuer, `${customers.issuer}/jwks`, ofCustomers),
      another: JwtAuthentication.jwks(customers.issuer, `${customers.issuer}/jwks`, { ...ofCustomers, caCertificates: authorities.staff }),
      misnamed: JwtAuthentication.jwks(customers.issuer, `${customers.issuer.replace(NAME, '127.0.0.1')}/jwks`, { ...ofCustomers, caCertificates: authorities.customers }),
    };
    const order = new MeshService(this, 'order', props);
    for (const [name, authentication] of Object.entries(services)) order.calls(new MeshService(this, name, { ...props, authentication }));
  }
}

let folder: string;
let customers: OpenIdProvider;
let staff: OpenIdProvider;
let mesh: RunningShop;

/** What a provider speaks TLS with, in files. */
async function tlsOf(name: string, authority: Authority) {
  const { chain, key } = await authority.issue({ dns: [NAME] });
  const files = { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  writeFileSync(files.certificate, chain);
  writeFileSync(files.key, key);
  writeFileSync(join(folder, `${name}-ca.crt`), authority.bundle);
  return { ...files, authority: authority.bundle };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshwright-openid-tls-'));
  const authorities = { customers: await Authority.create('of customers'), staff: await Authority.create('of staff') };
  customers = new OpenIdProvider(NAME, await tlsOf('customers', authorities.customers));
  staff = new OpenIdProvider(NAME, await tlsOf('staff', authorities.staff));
  await customers.start(providerKey('ES256', 'customers-1'));
  await staff.start(providerKey('ES256', 'staff-1'));
  const application = join(folder, 'application.cjs');
  writeFileSync(application, APPLICATION);
  const bundles = { customers: authorities.customers.bundle, staff: authorities.staff.bundle };
  const manifests = new Manifests((app) => new Program(app, customers, staff, bundles), `images:\n  tls/app: { command: [node, ${application}] }\n`);
  // What an image with authorities of its own is to Node.js.
  manifests.change(({ kind, metadata, spec }) => {
    if (kind !== 'Deployment' || metadata.name !== 'system') return;
    spec.template.spec.initContainers[0].env.push({ name: 'NODE_EXTRA_CA_CERTS', value: join(folder, 'customers-ca.crt') });
  });
  mesh = await RunningShop.start('127.98.0.0/16', manifests);
  await mesh.ready();
});
afterAll(async () => {
  await mesh?.stop();
  await customers?.stop();
  await staff?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const get = async (service: string, token: string) => ask(mesh.pods('order')[0]!, `http://${service}/`, { authorization: `Bearer ${token}` });

test('two issuers of one service, found and fetched from by TLS of authorities of their own', async () => {
  const [ofCustomer, ofStaff] = [await customers.token('ES256'), await staff.token('ES256')];
  // The control plane has asked each, and the proxy has the keys of each.
  await mesh.until('tokens of both are taken', async () => (await get('both', ofCustomer)).status === 200 && (await get('both', ofStaff)).status === 200);
  expect([(await get('both', ofCustomer)).body, (await get('both', ofStaff)).body]).toEqual(['customer', 'staff']);
  expect((await get('both', await customers.token('ES256', 'payments:read', 'ledger'))).status).toBe(401);
});

test('authorities of the system are taken where the program names none, and no others', async () => {
  const token = await customers.token('ES256');
  await mesh.until('the token is taken', async () => (await get('system', token)).status === 200);
  // Keys that came from somebody who cannot prove to be the issuer would be worth nothing: there are none.
  expect((await get('public', token)).status).toBe(503);
});

test('an issuer with a certificate of another authority, or for another name, is none', async () => {
  const token = await customers.token('ES256');
  expect([(await get('another', token)).status, (await get('misnamed', token)).status]).toEqual([503, 503]);
});
