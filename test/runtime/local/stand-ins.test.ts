import { createPublicKey, verify } from 'node:crypto';
import { parseAllDocuments } from 'yaml';
import { AddressBlock } from '../../../runtime/local/addresses';
import { parseSettings } from '../../../runtime/local/settings';
import { StandIns } from '../../../runtime/local/stand-ins';
import type { KubeObject } from '../../../runtime/local/types';

const SETTINGS = `
outside:
  cards: { command: [node, cards.js, --port, $(PORT)], control: { port: 9900, verbs: [fail] } }
tokens:
  customer: { issuer: 'https://login.example', claims: { aud: payment, sub: ann } }
  clerk: { issuer: 'https://staff.example/realm', claims: { aud: payment, sub: eve, exp: 7 } }
`;
const standIns = (settings = SETTINGS) =>
  new StandIns(parseSettings(settings, '/shop/meshwright.local.yaml'), AddressBlock.parse('127.77.0.0/16'), 'http://127.77.0.1:15900');
const external = (name: string, port = 443) => ({
  apiVersion: 'mesh.meshwright.dev/v1alpha1', kind: 'ExternalService', metadata: { name, namespace: 'shop' },
  spec: { hostname: `${name}.example`, port: { number: port, protocol: 'http' }, tls: { caCertificates: 'PEM' } },
}) as KubeObject;
const service = (jwt: object) => ({
  apiVersion: 'mesh.meshwright.dev/v1alpha1', kind: 'MeshService', metadata: { name: 'payment', namespace: 'shop' }, spec: { authentication: { jwt: { providers: [jwt] } } },
}) as KubeObject;
const applied = (text: string, on = standIns()) => parseAllDocuments(on.applied({ name: 'shop.yaml', text }).text).map((document) => document.toJS() as any);
const text = (...objects: object[]) => objects.map((object) => JSON.stringify(object)).join('\n---\n');

test('an external service leads to the process that plays it: in plain text, at a port that everybody may listen at', () => {
  const on = standIns();
  const [cards, mails] = applied(text(external('cards'), external('mails')), on);
  expect(cards.spec).toEqual({ hostname: 'cards.example', port: { number: 443, protocol: 'http' }, endpoints: [{ address: '127.77.1.1', port: 10_443 }] });
  expect(mails).toEqual(external('mails'));
  const [workload, ...others] = on.workloads([external('cards'), external('mails')], '/bin/node');
  expect(others).toEqual([]);
  expect(workload).toMatchObject({ id: 'ExternalService/shop/cards', pods: [{ address: '127.77.1.1', appPorts: [10_443], readyPort: undefined, service: undefined }] });
  expect(workload!.pods[0]!.processes).toEqual([
    { name: 'cards', role: 'app', command: ['/bin/node', 'cards.js', '--port', '10443'], env: { HOST: '127.77.1.1', PORT: '10443' }, cwd: '/shop' },
  ]);
  expect(on.real([external('cards'), external('mails')])).toEqual(new Set(['mails.shop']));
});

test('a high port stays, and a list of objects is looked into', () => {
  const [{ items: [{ spec }] }] = applied(text({ apiVersion: 'v1', kind: 'List', items: [external('cards', 8443)] }));
  expect(spec.endpoints).toEqual([{ address: '127.77.1.1', port: 8443 }]);
});

test('services take the tokens of the issuers that are played, by keys that this run has made; other issuers stay', () => {
  const [played, other] = applied(text(service({ issuer: 'https://staff.example/realm', discovery: {}, caCertificates: 'PEM', audiences: ['a'] }), service({ issuer: 'https://other.example', discovery: {} })));
  expect(played.spec.authentication.jwt.providers[0]).toEqual({ issuer: 'https://staff.example/realm', jwksUri: 'http://127.77.0.1:15900/issuers/1/jwks', audiences: ['a'] });
  expect(other.spec.authentication.jwt.providers[0]).toEqual({ issuer: 'https://other.example', discovery: {} });
});

test('tokens are signed by the keys at that place, and say what the settings have', () => {
  const on = standIns();
  const [head, payload, signature] = on.token('customer', 5_000_500)!.split('.') as [string, string, string];
  const part = (encoded: string) => JSON.parse(Buffer.from(encoded, 'base64url').toString()) as Record<string, unknown>;
  expect(part(payload)).toEqual({ iss: 'https://login.example', iat: 5000, exp: 8600, aud: 'payment', sub: 'ann' });
  const { keys: [key] } = JSON.parse(on.keys('/issuers/0/jwks')!) as { keys: [Record<string, string>] };
  expect(part(head)).toEqual({ alg: 'ES256', kid: key.kid, typ: 'JWT' });
  expect(key.d).toBeUndefined();
  const signed = Buffer.from(`${head}.${payload}`);
  const made = Buffer.from(signature, 'base64url');
  expect(verify('sha256', signed, { key: createPublicKey({ key, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }, made)).toBe(true);
  expect(part(on.token('clerk', 0)!.split('.')[1]!)).toMatchObject({ iss: 'https://staff.example/realm', exp: 7 });
  expect([on.token('nobody', 0), on.keys('/issuers/2/jwks'), on.keys('/issuers'), on.token('toString', 0)]).toEqual([undefined, undefined, undefined, undefined]);
});

test('a file that does not lead outside, or cannot be read, stays to the letter', () => {
  const on = standIns();
  for (const same of [`# a comment\n${JSON.stringify(external('mails'))}\n`, 'a: [\n', '', '---\n---\n']) expect(on.applied({ name: 'x', text: same })).toEqual({ name: 'x', text: same });
  expect([on.none, standIns('').none]).toEqual([false, true]);
});
