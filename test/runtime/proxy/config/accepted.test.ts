import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { accepted, SUBSET_PAGE } from '../../../../runtime/proxy/config/accepted';
import { subsetPage } from '../../../../runtime/proxy/config/accepted/page';
import { checkSubset } from '../../../../runtime/proxy/config/check';
import { Problems } from '../../../../runtime/proxy/config/problems';
import {
  BootstrapSchema, ClusterLoadAssignmentSchema, ClusterSchema, create, decode, encode, ListenerSchema, RouteConfigurationSchema, schemaOf, toJson,
  fromJson, type Schema,
} from '../../../../runtime/xds';
import { toYaml } from '../../../golden';
import { decodeMessage } from './decode-message';

const RESOURCES = [ListenerSchema, RouteConfigurationSchema, ClusterSchema, ClusterLoadAssignmentSchema];
const schemas = new Map<string, Schema>();

function collect(schema: Schema): void {
  if (schemas.has(schema.typeName)) return;
  schemas.set(schema.typeName, schema);
  for (const field of schema.fields) if (field.message) collect(field.message);
}
[BootstrapSchema, ...RESOURCES, ...Object.keys(accepted).flatMap((type) => schemaOf(`/${type}`) ?? [])].forEach(collect);

describe('the table of what is accepted', () => {
  test.each(Object.keys(accepted))('%s: every rule is of a field that exists, and what an accepted field holds has rules too', (type) => {
    const schema = schemas.get(type);
    expect(schema).toBeDefined();
    for (const [name, rule] of Object.entries(accepted[type])) {
      const field = schema!.fields.find((candidate) => candidate.name === name);
      expect(`${type}.${name}: ${field ? 'exists' : 'no such field'}`).toBe(`${type}.${name}: exists`);
      const held = field!.message?.typeName;
      if (held === undefined || rule.kind === 'ignored' || held.startsWith('google.protobuf.')) continue;
      expect(Object.keys(accepted)).toContain(held);
    }
    for (const rule of Object.values(accepted[type])) {
      if (rule.kind !== 'only') continue;
      expect(rule.values.length).toBeGreaterThan(0);
    }
  });

  test('values that a rule names are members of the field\'s enum', () => {
    for (const [type, rules] of Object.entries(accepted)) {
      for (const [name, rule] of Object.entries(rules)) {
        const members = schemas.get(type)!.fields.find((field) => field.name === name)?.enum?.values.map((value) => value.name);
        if (rule.kind === 'only' && members) expect(members).toEqual(expect.arrayContaining([...rule.values]));
      }
    }
  });

  test('the page says what the table says: npx ts-node -P tsconfig.dev.json scripts/generate-xds-table.ts', () => {
    expect(readFileSync(join(__dirname, '../../../..', SUBSET_PAGE), 'utf8')).toBe(subsetPage());
  });

  test('a field of a newer schema is named by its number', () => {
    // Field 9000 as a varint behind a cluster's name.
    const bytes = Uint8Array.from([...encode(ClusterSchema, create(ClusterSchema, { name: 'c' })), 0xc0, 0xb2, 0x04, 0x01]);
    const problems = new Problems();
    checkSubset(ClusterSchema, decode(ClusterSchema, bytes), problems);
    expect(problems.list()).toEqual(['#9000: is a field of envoy.config.cluster.v3.Cluster that this version does not know; remove it']);
  });
});

/** JSON of a message of any type: every field may be there, with any value of its kind. */
function messageJson(schema: Schema, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const special: Record<string, fc.Arbitrary<unknown>> = {
    'google.protobuf.Duration': fc.integer({ min: -1, max: 100 }).map((seconds) => `${seconds}s`),
    'google.protobuf.BoolValue': fc.boolean(),
    'google.protobuf.UInt32Value': fc.nat(100),
    'google.protobuf.UInt64Value': fc.nat(100).map(String),
    'google.protobuf.Struct': fc.constant({ a: { b: 1 } }),
  };
  const scalar = (field: Schema['fields'][number]): fc.Arbitrary<unknown> | undefined => {
    if (field.enum) return fc.constantFrom(...field.enum.values.map((value) => value.name));
    if (field.message) {
      const { typeName } = field.message;
      return special[typeName] ?? (depth > 0 && !typeName.startsWith('google.protobuf.') ? messageJson(field.message, depth - 1) : undefined);
    }
    const kinds: Record<number, fc.Arbitrary<unknown>> = {
      8: fc.boolean(), 9: fc.constantFrom('', 'a', '/', '*', 'x-a', '127.0.0.1', '5xx'), 12: fc.constantFrom('', 'aGk='), 13: fc.nat(100), 5: fc.nat(100),
    };
    return kinds[field.scalar ?? 0];
  };
  const members: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of schema.fields) {
    const one = scalar(field);
    // Of a oneof only one member may be there; the first that can be made is enough.
    if (!one || field.fieldKind === 'map' || (field.oneof && schema.fields.find((other) => other.oneof === field.oneof) !== field)) continue;
    members[field.name] = field.fieldKind === 'list' ? fc.array(one, { maxLength: 2 }) : one;
  }
  return fc.record(members, { requiredKeys: [] });
}

describe('whatever a resource says', () => {
  test.each(RESOURCES.map((schema) => [schema.typeName, schema] as const))('%s is taken or refused with paths, the same in binary and JSON', (_, schema) => {
    fc.assert(fc.property(messageJson(schema, 3), (json) => {
      const message = fromJson(schema, json);
      const decoded = decodeMessage(message);
      expect(decoded.value === undefined).toBe(decoded.problems.length > 0);
      expect(toYaml(decodeMessage(decode(schema, encode(schema, message))))).toBe(toYaml(decoded));
      expect(toYaml(decodeMessage(fromJson(schema, toJson(schema, message))))).toBe(toYaml(decoded));
    }), { numRuns: 30 });
  });
});
