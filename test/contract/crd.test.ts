import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { celEnv, parse, plan } from '@bufbuild/cel';
import { parse as parseYaml } from 'yaml';
import { customResourceDefinitions, type StructuralSchema } from '../../src/contract';

const FOLDER = join(__dirname, '..', '..', 'crds');

interface Level {
  readonly path: string;
  readonly schema: StructuralSchema;
}

function levels(schema: StructuralSchema, path: string): Level[] {
  return [
    { path, schema },
    ...Object.entries(schema.properties ?? {}).flatMap(([name, member]) => levels(member, `${path}.${name}`)),
    ...(schema.items === undefined ? [] : levels(schema.items, `${path}[]`)),
  ];
}

const ALL = customResourceDefinitions().flatMap((crd) => levels(crd.spec.versions[0].schema.openAPIV3Schema, crd.spec.names.kind));
const pathsWhere = (holds: (schema: StructuralSchema, path: string) => boolean): string[] => (
  ALL.filter(({ schema, path }) => holds(schema, path)).map(({ path }) => path)
);
const isMetadata = (path: string): boolean => path.endsWith('.metadata');

describe('what the API server asks of a structural schema', () => {
  test('a type at every level', () => {
    expect(pathsWhere(({ type }) => !['object', 'array', 'string', 'integer', 'boolean', 'number'].includes(type))).toEqual([]);
  });

  test('only keywords that a structural schema may have', () => {
    const allowed = new Set(['description', 'type', 'format', 'enum', 'default', 'pattern', 'minLength', 'maxLength', 'minimum', 'maximum', 'minItems', 'maxItems',
      'required', 'x-kubernetes-list-type', 'x-kubernetes-list-map-keys', 'x-kubernetes-validations', 'properties', 'items']);
    expect(pathsWhere((schema) => Object.keys(schema).some((keyword) => !allowed.has(keyword)))).toEqual([]);
  });

  test('children only where the type has them', () => {
    expect(pathsWhere(({ type, properties, required }) => type !== 'object' && (properties !== undefined || required !== undefined))).toEqual([]);
    expect(pathsWhere(({ type, items }) => (type === 'array') !== (items !== undefined))).toEqual([]);
    expect(pathsWhere(({ properties = {}, required = [] }) => required.some((name) => properties[name] === undefined))).toEqual([]);
  });

  test('metadata is left to the API server, and the status is no business of a writer of specs', () => {
    expect(ALL.filter(({ path }) => isMetadata(path)).map(({ schema }) => schema)).toEqual([{ type: 'object' }, { type: 'object' }, { type: 'object' }]);
    expect(customResourceDefinitions().map((crd) => crd.spec.versions[0].schema.openAPIV3Schema.required)).toEqual([['spec'], ['spec'], ['spec']]);
  });

  test('lists say how they merge; keys of a map are scalar and required, items of a set are scalar', () => {
    expect(pathsWhere((schema) => schema.type === 'array' && !['atomic', 'set', 'map'].includes(schema['x-kubernetes-list-type'] as string))).toEqual([]);
    expect(pathsWhere((schema) => schema['x-kubernetes-list-type'] === 'set' && !['string', 'integer'].includes(schema.items!.type))).toEqual([]);
    expect(pathsWhere((schema) => (schema['x-kubernetes-list-type'] === 'map') !== Array.isArray(schema['x-kubernetes-list-map-keys']))).toEqual([]);
    expect(pathsWhere((schema) => ((schema['x-kubernetes-list-map-keys'] ?? []) as string[]).some((key) => (
      schema.items!.properties![key]?.type !== 'string' || !schema.items!.required!.includes(key)
    )))).toEqual([]);
  });

  test('lists and texts are bounded, so that the cost of a rule is', () => {
    expect(pathsWhere((schema, path) => schema.type === 'array' && schema.maxItems === undefined && !isMetadata(path))).toEqual([]);
    const free = pathsWhere((schema) => schema.type === 'string' && schema.maxLength === undefined && schema.enum === undefined);
    expect(free).toEqual(['Mesh.apiVersion', 'Mesh.kind', 'MeshService.apiVersion', 'MeshService.kind', 'ExternalService.apiVersion', 'ExternalService.kind']);
    expect(pathsWhere((schema) => schema.type === 'string' && (schema.maxLength as number) < ((schema.minLength as number | undefined) ?? 0))).toEqual([]);
  });
});

describe('for people', () => {
  test('every field is described in sentences', () => {
    expect(pathsWhere(({ description }, path) => !path.endsWith('[]') && !isMetadata(path) && !/^[A-Z`].*[.]$/.test(description ?? ''))).toEqual([]);
  });

  test('every rule parses and has a message', () => {
    for (const { schema } of ALL) {
      for (const { rule, message } of (schema['x-kubernetes-validations'] ?? []) as { rule: string; message: string }[]) {
        expect(() => plan(celEnv(), parse(rule))).not.toThrow();
        expect(message).toMatch(/\S \S/);
      }
    }
  });

  test('every pattern is one for RE2: no look-around, no back reference', () => {
    expect(pathsWhere((schema) => /\(\?[=!<]|\\[1-9]/.test((schema.pattern as string | undefined) ?? ''))).toEqual([]);
  });
});

test('crds/ holds exactly what the schemas say', () => {
  const files = readdirSync(FOLDER).sort();
  expect(files).toEqual(customResourceDefinitions().map((crd) => `${crd.metadata.name}.yaml`).sort());
  for (const crd of customResourceDefinitions()) {
    const text = readFileSync(join(FOLDER, `${crd.metadata.name}.yaml`), 'utf8');
    // `npx projen crds` writes them anew.
    expect(parseYaml(text)).toEqual(JSON.parse(JSON.stringify(crd)));
    expect(text).toMatch(/^# Generated from src\/contract/);
  }
});

test('the definitions look like this to kubectl', () => {
  expect(customResourceDefinitions().map(({ spec: { versions: [version], ...rest } }) => ({
    ...rest, columns: version.additionalPrinterColumns.map(({ name, type, jsonPath }) => `${name} (${type}) ${jsonPath}`), subresources: version.subresources,
  }))).toMatchInlineSnapshot(`
[
  {
    "columns": [
      "Trust domain (string) .spec.trustDomain",
      "Accepted (string) .status.conditions[?(@.type=="Accepted")].status",
      "Programmed (string) .status.conditions[?(@.type=="Programmed")].status",
      "Age (date) .metadata.creationTimestamp",
    ],
    "conversion": {
      "strategy": "None",
    },
    "group": "mesh.meshwright.dev",
    "names": {
      "categories": [
        "meshwright",
      ],
      "kind": "Mesh",
      "listKind": "MeshList",
      "plural": "meshes",
      "shortNames": [
        "mwmesh",
      ],
      "singular": "mesh",
    },
    "preserveUnknownFields": false,
    "scope": "Namespaced",
    "subresources": {
      "status": {},
    },
  },
  {
    "columns": [
      "Port (integer) .spec.port.number",
      "Protocol (string) .spec.port.protocol",
      "Accepted (string) .status.conditions[?(@.type=="Accepted")].status",
      "Programmed (string) .status.conditions[?(@.type=="Programmed")].status",
      "Age (date) .metadata.creationTimestamp",
    ],
    "conversion": {
      "strategy": "None",
    },
    "group": "mesh.meshwright.dev",
    "names": {
      "categories": [
        "meshwright",
      ],
      "kind": "MeshService",
      "listKind": "MeshServiceList",
      "plural": "meshservices",
      "shortNames": [
        "mwsvc",
      ],
      "singular": "meshservice",
    },
    "preserveUnknownFields": false,
    "scope": "Namespaced",
    "subresources": {
      "status": {},
    },
  },
  {
    "columns": [
      "Host (string) .spec.hostname",
      "Port (integer) .spec.port.number",
      "Protocol (string) .spec.port.protocol",
      "Accepted (string) .status.conditions[?(@.type=="Accepted")].status",
      "Programmed (string) .status.conditions[?(@.type=="Programmed")].status",
      "Age (date) .metadata.creationTimestamp",
    ],
    "conversion": {
      "strategy": "None",
    },
    "group": "mesh.meshwright.dev",
    "names": {
      "categories": [
        "meshwright",
      ],
      "kind": "ExternalService",
      "listKind": "ExternalServiceList",
      "plural": "externalservices",
      "shortNames": [
        "mwext",
      ],
      "singular": "externalservice",
    },
    "preserveUnknownFields": false,
    "scope": "Namespaced",
    "subresources": {
      "status": {},
    },
  },
]
`);
});
