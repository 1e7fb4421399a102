import * as fc from 'fast-check';
import { API_VERSION, customResourceDefinitions, mesh, meshService } from '../../src/contract';
import { documentsOf } from './documents';
import { ApiServer } from './kubernetes';

const SCHEMAS = { Mesh: mesh, MeshService: meshService };

describe.each(customResourceDefinitions().map((crd) => [crd.spec.names.kind as 'Mesh' | 'MeshService', crd] as const))('%s', (kind, crd) => {
  const apiServer = new ApiServer(crd);
  const documents = documentsOf(crd.spec.versions[0].schema.openAPIV3Schema, kind, API_VERSION);

  test('what the schema accepts the API server admits, and the reverse', () => {
    const counted = { accepted: 0, refused: 0 };
    fc.assert(fc.property(documents, (document) => {
      const parsed = SCHEMAS[kind].safeParse(document);
      const refusals = apiServer.refusals(document);
      counted[parsed.success ? 'accepted' : 'refused'] += 1;
      expect({ accepted: parsed.success, problems: parsed.error?.issues, refusals }).toMatchObject({ accepted: refusals.length === 0 });
    }), { numRuns: 1000, seed: 7 });
    // Both sides are really exercised.
    expect(counted.accepted).toBeGreaterThan(200);
    expect(counted.refused).toBeGreaterThan(200);
  });
});
