import * as fc from 'fast-check';
import { API_VERSION, customResourceDefinitions, explain, mesh, meshService, problemText } from '../../src/contract';
import { documentsOf } from './documents';

const good = (): any => ({
  apiVersion: 'mesh.meshwright.dev/v1alpha1',
  kind: 'MeshService',
  metadata: { name: 'payment', namespace: 'shop' },
  spec: {
    mesh: { name: 'mesh', namespace: 'shop' },
    serviceAccount: 'payment',
    port: { number: 8080, protocol: 'http' },
    loadBalancer: { roundRobin: {} },
    retry: { attempts: 3, retryOn: ['reset'], methods: ['GET'], backoff: { baseInterval: '100ms', maxInterval: '1s', jitterPercent: 0 } },
  },
});

const said = (change: (document: any) => void): string[] => {
  const document = good();
  change(document);
  return explain(meshService.safeParse(document).error?.issues ?? [], document, meshService).map(problemText);
};

test('nothing of a good document', () => {
  expect(said(() => undefined)).toEqual([]);
});

test.each<[string, (document: any) => void]>([
  ['a misspelt field', ({ spec }) => { spec.timeot = { total: '1s' }; }],
  ['a field in another case', ({ spec }) => { spec.Timeout = { total: '1s' }; }],
  ['two letters swapped', ({ spec }) => { delete spec.retry.backoff.maxInterval; spec.retry.backoff.maxIntreval = '1s'; }],
  ['a field that is nothing like another', ({ spec }) => { spec.simpleCb = { maxConnections: 100 }; }],
  ['a field that is there already', ({ spec }) => { spec.ports = spec.port; }],
  ['a field beside spec', (document) => { document.specs = {}; }],
  ['a field in a list', ({ spec }) => { spec.calls = [{ service: 'bank', namespace: 'shop', tiemout: { total: '1s' } }]; }],
  ['nothing where something must be', ({ spec }) => { delete spec.port; }],
  ['an empty value', ({ spec }) => { spec.port = null; }],
  ['a text for a number', ({ spec }) => { spec.port.number = '8080'; }],
  ['half a port', ({ spec }) => { spec.port.number = 80.5; }],
  ['too large', ({ spec }) => { spec.port.number = 70_000; }],
  ['too small', ({ spec }) => { spec.retry.attempts = 0; }],
  ['a misspelt word', ({ spec }) => { spec.retry.retryOn = ['conect-failure']; }],
  ['a word that is nothing like another', ({ spec }) => { spec.port.protocol = 'quic'; }],
  ['a name in capitals', ({ metadata }) => { metadata.name = 'Payment_Service'; }],
  ['a name too long', ({ metadata }) => { metadata.name = 'p'.repeat(70); }],
  ['a number for a duration', ({ spec }) => { spec.timeout = { total: 500 }; }],
  ['a duration without a unit', ({ spec }) => { spec.timeout = { total: '500' }; }],
  ['no time', ({ spec }) => { spec.timeout = { total: '0s' }; }],
  ['a try longer than the call', ({ spec }) => { spec.timeout = { total: '1s', perTry: '2s' }; }],
  ['neither of two', ({ spec }) => { spec.timeout = {}; }],
  ['two of one kind', ({ spec }) => { spec.loadBalancer = { roundRobin: {}, leastRequest: { choices: 2 } }; }],
  ['a word twice', ({ spec }) => { spec.retry.methods = ['GET', 'GET']; }],
  ['two items of one name', ({ spec }) => { spec.versions = [{ name: 'v2', service: 'a' }, { name: 'v2', service: 'b' }]; }],
  ['an empty list', ({ spec }) => { spec.retry.methods = []; }],
  ['requests over bytes', ({ spec }) => { spec.port.protocol = 'tcp'; }],
  ['several things at once', ({ spec, metadata }) => { metadata.name = 'a.b'; spec.port.number = 0; spec.retry.backoff.baseInterval = '2s'; spec.x = 1; }],
])('%s', (_, change) => {
  expect(said(change)).toMatchSnapshot();
});

test('of what is no document at all', () => {
  expect(explain(mesh.safeParse('x').error!.issues, 'x', mesh).map(problemText)).toEqual(['the document is "x": must be an object']);
});

test('a refused list says so once, not once more as a rule that could not be judged', () => {
  expect(said(({ spec }) => { spec.retry.backoff.maxInterval = 'x'; })).toHaveLength(1);
});

test("whatever is wrong is said in our words, never in the library's", () => {
  const documents = documentsOf(customResourceDefinitions()[1]!.spec.versions[0]!.schema.openAPIV3Schema, 'MeshService', API_VERSION);
  fc.assert(fc.property(documents, (document) => {
    const issues = meshService.safeParse(document).error?.issues ?? [];
    const problems = explain(issues, document, meshService);
    expect(problems.length > 0).toBe(issues.length > 0);
    for (const { path, rule } of problems) {
      expect(path).toMatch(/^[a-z]/);
      expect(rule).toMatch(/\bmust\b|\bexactly one of\b|^two items|^an item|^a region|^not a field/);
      expect(rule).not.toMatch(/Invalid|expected|received|Too (big|small)/);
    }
  }), { numRuns: 300, seed: 3 });
});
