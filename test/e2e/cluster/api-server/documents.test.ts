import * as fc from 'fast-check';
import type { ApiObject, HttpKubernetesApi } from '../../../../runtime/control-plane/kubernetes';
import { API_VERSION, customResourceDefinitions, type StructuralSchema } from '../../../../src/contract';
import { documentsOf } from '../../../contract/documents';
import { ApiServer } from '../../../contract/kubernetes';
import { administrator, apply, exampleDocuments, prepare, refusalOf, remove } from './support';

let api: HttpKubernetesApi;
beforeAll(async () => {
  api = administrator();
  const namespaces = exampleDocuments().flatMap(({ documents }) => documents.map(({ metadata }) => metadata.namespace ?? 'shop'));
  await prepare(api, ...new Set([...namespaces, 'shop']));
});
afterAll(() => api.close());

describe('what the examples synthesize', () => {
  test.each(exampleDocuments())('$example: every document is taken, with strict validation of its fields', async ({ documents }) => {
    const refused: string[] = [];
    for (const document of documents) {
      await apply(api, document, { dryRun: true }).catch((error: Error) => refused.push(error.message));
    }
    expect(refused).toEqual([]);
    expect(documents.length).toBeGreaterThan(20);
  });
});

const LONG_AGO = '2026-01-01T00:00:00Z';

/** Messages of all rules of a definition. */
function messagesIn(schema: StructuralSchema): string[] {
  const own = (schema['x-kubernetes-validations'] ?? []) as { message: string }[];
  const below = [...Object.values(schema.properties ?? {}), ...schema.items ? [schema.items] : []];
  return [...own.map(({ message }) => message), ...below.flatMap(messagesIn)];
}

describe.each(customResourceDefinitions().map((crd) => ({ kind: crd.spec.names.kind, crd })))('$kind', ({ kind, crd }) => {
  const schema = crd.spec.versions[0].schema.openAPIV3Schema;
  const members = Object.keys(schema.properties!.spec!.properties!);
  const samples = [undefined, ...members].flatMap((about) => (
    fc.sample(documentsOf(schema, kind, API_VERSION, about), { numRuns: about === undefined ? 150 : 25, seed: 11 })
  )).map(({ status: _, ...document }: ApiObject) => document as ApiObject);

  test('the API server says of every document, valid or broken, what the tests of the contract expect of it', async () => {
    const model = new ApiServer(crd);
    const different: unknown[] = [];
    const refused: string[] = [];
    for (const document of samples) {
      const expected = model.refusals(document);
      const said = await refusalOf(api, document);
      if ((said === undefined) !== (expected.length === 0)) different.push({ said, expected, document: JSON.stringify(document) });
      if (said !== undefined) refused.push(said);
    }
    expect(different).toEqual([]);
    // Broken in every way that a document can be: each says where, and what is the rule of ours that it breaks.
    const rules = messagesIn(schema);
    const tells = (said: string) => rules.some((message) => said.includes(message)) || /\bspec\b|unknown field|metadata\.name/.test(said);
    expect(refused.filter((said) => !tells(said))).toEqual([]);
    expect(new Set(refused).size).toBeGreaterThanOrEqual(kind === 'Mesh' ? 30 : 100);
    const broken = new Set(rules.filter((message) => refused.some((said) => said.includes(message))));
    // Rules of ours that need more than one field are among them; a Mesh has none, and what is outside of it few.
    expect(broken.size).toBeGreaterThanOrEqual({ Mesh: 0, ExternalService: 6 }[kind] ?? 8);
  });
});

test('a document that is valid is stored as it was written, and its status is nobody else\'s', async () => {
  const { documents } = exampleDocuments().find(({ example }) => example === 'ecommerce')!;
  const service = documents.find(({ kind }) => kind === 'MeshService')!;
  const stored = await apply(api, service);
  expect(stored.spec).toEqual(service.spec);
  const condition = { type: 'Accepted', status: 'True', reason: 'Accepted', message: '', observedGeneration: 1, lastTransitionTime: LONG_AGO };
  const both = { ...service, status: { conditions: [condition] } } as ApiObject;
  const withStatus = await apply(api, both).then((object) => object.status, () => undefined);
  expect(withStatus).toBeUndefined();
  const { apiVersion, metadata: { name, namespace } } = service;
  const written = await apply(api, { apiVersion, kind: 'MeshService', metadata: { name, namespace }, status: { conditions: [condition] } }, { status: true });
  expect(written.status).toEqual({ conditions: [condition] });
  expect(written.metadata.generation).toBe(stored.metadata.generation);
  await remove(api, service);
});
