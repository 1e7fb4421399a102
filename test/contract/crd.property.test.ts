import * as fc from 'fast-check';
import { API_VERSION, customResourceDefinitions, externalService, mesh, meshService, type CustomResourceDefinition } from '../../src/contract';
import { documentsOf } from './documents';
import { ApiServer } from './kubernetes';

const SCHEMAS = { Mesh: mesh, MeshService: meshService, ExternalService: externalService };
type Kind = keyof typeof SCHEMAS;

type Definition = CustomResourceDefinition;
const [MESH, MESH_SERVICE, EXTERNAL_SERVICE] = customResourceDefinitions() as [Definition, Definition, Definition];

function documents({ spec }: CustomResourceDefinition, about?: string): fc.Arbitrary<any> {
  return documentsOf(spec.versions[0]!.schema.openAPIV3Schema, spec.names.kind, API_VERSION, about);
}

/** Whether the schema and an API server with that definition say the same of the document. */
function agree(document: any, apiServer: ApiServer): { accepted: boolean; agreed: boolean; why: unknown } {
  const parsed = SCHEMAS[document.kind as Kind].safeParse(document);
  const refusals = apiServer.refusals(document);
  return { accepted: parsed.success, agreed: parsed.success === (refusals.length === 0), why: { problems: parsed.error?.issues, refusals } };
}

test.each([['Mesh', MESH], ['MeshService', MESH_SERVICE], ['ExternalService', EXTERNAL_SERVICE]] as const)('%s: what the schema accepts the API server admits, and the reverse', (_, crd) => {
  const apiServer = new ApiServer(crd);
  const counted = { accepted: 0, refused: 0 };
  fc.assert(fc.property(documents(crd), (document) => {
    const { accepted, agreed, why } = agree(document, apiServer);
    counted[accepted ? 'accepted' : 'refused'] += 1;
    expect({ agreed, why }).toMatchObject({ agreed: true });
  }), { numRuns: 600, seed: 7 });
  // Both sides are really exercised.
  expect(counted.accepted).toBeGreaterThan(100);
  expect(counted.refused).toBeGreaterThan(100);
});

describe('the comparison notices', () => {
  test.each<[what: string, about: string, change: (member: any) => void]>([
    ['a rule that is missing', 'timeout', (timeout) => delete timeout['x-kubernetes-validations']],
    ['a rule of another operator', 'retry', (retry) => {
      const [rule] = retry.properties.backoff['x-kubernetes-validations'];
      rule.rule = rule.rule.replace('<=', '<');
    }],
    ['a bound that is off by one', 'port', (port) => { port.properties.number.maximum -= 1; }],
    ['a field that is not required', 'mesh', (member) => { member.required = ['name']; }],
    ['a field that is not known', 'circuitBreaker', (breaker) => delete breaker.properties.failureRate],
    ['a list whose items may be alike', 'calls', (calls) => { calls['x-kubernetes-list-type'] = 'atomic'; }],
    ['a set whose items may be alike', 'regions', (regions) => { regions['x-kubernetes-list-type'] = 'atomic'; }],
    ['a word less', 'port', (port) => port.properties.protocol.enum.pop()],
    ['a pattern that is looser', 'serviceAccount', (account) => delete account.pattern],
  ])('%s', (_, about, change) => {
    const crd = JSON.parse(JSON.stringify(MESH_SERVICE)) as CustomResourceDefinition;
    change(crd.spec.versions[0]!.schema.openAPIV3Schema.properties!.spec!.properties![about]);
    const apiServer = new ApiServer(crd);
    const agreement = fc.property(documents(MESH_SERVICE, about), (document) => agree(document, apiServer).agreed);
    const found = fc.check(agreement, { numRuns: 500, seed: 7, endOnFailure: true });
    expect(found.failed).toBe(true);
  });
});

describe('each member of the specs by itself, the same', () => {
  const apiServers = { Mesh: new ApiServer(MESH), MeshService: new ApiServer(MESH_SERVICE), ExternalService: new ApiServer(EXTERNAL_SERVICE) };

  test.each([MESH, MESH_SERVICE, EXTERNAL_SERVICE].flatMap((crd) => {
    const { spec } = crd.spec.versions[0]!.schema.openAPIV3Schema.properties!;
    // What it has in common with a service is held by that one.
    const members = crd === EXTERNAL_SERVICE ? ['hostname', 'port', 'tls', 'endpoints'] : Object.keys(spec!.properties!);
    return members.map((member) => [crd.spec.names.kind, member, crd] as const);
  }))('%s.spec.%s', (kind, member, crd) => {
    const apiServer = apiServers[kind as Kind];
    fc.assert(fc.property(documents(crd, member), (document) => {
      const { agreed, why } = agree(document, apiServer);
      expect({ agreed, why }).toMatchObject({ agreed: true });
    }), { numRuns: 100, seed: 11 });
  });
});
