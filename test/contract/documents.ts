import * as fc from 'fast-check';
import { formatDuration, type StructuralSchema } from '../../src/contract';
import { broken } from './kubernetes';

/** Documents of the kinds that the contract knows, derived from the schema: mostly valid, some broken in one place. */

const DURATION_WORD = 'duration(self)';

type Validation = { readonly rule: string };

function validations(schema: StructuralSchema): readonly Validation[] {
  return (schema['x-kubernetes-validations'] ?? []) as readonly Validation[];
}

function textOf(schema: StructuralSchema): fc.Arbitrary<string> {
  if (schema.enum !== undefined) return fc.constantFrom(...(schema.enum as string[]));
  if (validations(schema).some(({ rule }) => rule.includes(DURATION_WORD))) {
    return fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 1, max: 90_000 }).map((ms) => formatDuration(ms)) },
      { weight: 1, arbitrary: fc.stringMatching(new RegExp(schema.pattern as string)) },
    );
  }
  if (schema.format === 'date-time') {
    return fc.date({ min: new Date('2000-01-01T00:00:00Z'), max: new Date('2099-12-31T00:00:00Z'), noInvalidDate: true })
      .map((date) => date.toISOString()).chain((iso) => fc.constantFrom(iso, iso.replace(/[.]\d+/, '')));
  }
  const max = schema.maxLength as number;
  if (schema.pattern !== undefined) {
    const pattern = new RegExp(schema.pattern as string);
    // Short where a part of it is one too.
    return fc.stringMatching(pattern).map((value) => {
      const short = value.slice(0, Math.min(max, 20));
      return pattern.test(short) ? short : value;
    }).filter((value) => value.length <= max && pattern.test(value));
  }
  return fc.string({ unit: 'binary', minLength: schema.minLength as number ?? 0, maxLength: Math.min(max, 12) });
}

/** An arbitrary of the values that a structural schema admits. */
export function valueOf(schema: StructuralSchema): fc.Arbitrary<unknown> {
  const shaped = shapeOf(schema);
  return schema['x-kubernetes-validations'] === undefined ? shaped : shaped.filter((value) => broken(schema, value).length === 0);
}

function shapeOf(schema: StructuralSchema): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case 'string': return textOf(schema);
    case 'integer': {
      const min = schema.minimum as number;
      const max = (schema.maximum as number | undefined) ?? 1_000_000;
      return fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max));
    }
    case 'array': return fc.array(valueOf(schema.items!), { minLength: (schema.minItems as number | undefined) ?? 0, maxLength: Math.min(3, schema.maxItems as number) })
      .map((items) => distinct(schema, items));
    default: return objectOf(schema);
  }
}

function distinct(schema: StructuralSchema, items: readonly unknown[]): unknown[] {
  const keys = schema['x-kubernetes-list-map-keys'] as string[] | undefined;
  const seen = new Set<string>();
  return items.filter((item) => {
    const identity = JSON.stringify(keys === undefined ? item : keys.map((key) => (item as Record<string, unknown>)[key]));
    return !seen.has(identity) && seen.add(identity);
  });
}

function objectOf(schema: StructuralSchema): fc.Arbitrary<unknown> {
  const members = Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, member]) => [name, valueOf(member)]));
  const union = validations(schema).find(({ rule }) => rule.startsWith('[has('));
  if (union === undefined) return fc.record(members, { requiredKeys: [...(schema.required ?? [])] });
  const choices = [...union.rule.matchAll(/has\(self\.(\w+)\)/g)].map(([, name]) => name);
  const rest = Object.fromEntries(Object.entries(members).filter(([name]) => !choices.includes(name)));
  return fc.constantFrom(...choices).chain((choice) => fc.record({ ...rest, [choice]: members[choice] }));
}

/** A place in a document, with the schema that it falls under. */
interface Place {
  readonly holder: any;
  readonly key: string | number;
  readonly schema: StructuralSchema | undefined;
  readonly holderSchema: StructuralSchema;
}

function placesIn(value: any, schema: StructuralSchema, out: Place[] = []): Place[] {
  if (schema.type === 'object') {
    for (const key of Object.keys(value)) {
      const member = schema.properties?.[key];
      out.push({ holder: value, key, schema: member, holderSchema: schema });
      if (member !== undefined) placesIn(value[key], member, out);
    }
  } else if (schema.type === 'array') {
    (value as unknown[]).forEach((item, key) => {
      out.push({ holder: value, key, schema: schema.items, holderSchema: schema });
      placesIn(item, schema.items!, out);
    });
  }
  return out;
}

/** Places of the spec and the status; the rest is the API server's. */
function placesOf(document: any, schema: StructuralSchema): Place[] {
  return placesIn(document, schema).filter(({ holder, key }) => holder !== document.metadata && (holder !== document || key === 'spec' || key === 'status'));
}

/** Places of one member. */
function placesUnder(holder: any, key: string, holderSchema: StructuralSchema): Place[] {
  const schema = holderSchema.properties![key]!;
  return [{ holder, key, schema, holderSchema }, ...placesIn(holder[key], schema)];
}

const WRONG: readonly unknown[] = [0, -1, 1.5, true, '', 'x', [], {}, ['x'], { x: 1 }, '1s ', 'Ünï', '1h1m', '0s', 1e15];
const TEXTS = ['', ' ', 'A', 'x\n', '-', 'a-', 'a.b', 'a/b', '1s', '0s', '25h', '24h', '5', '1s1s1s1s1s', '😀'.repeat(100), 'a'.repeat(64), 'a'.repeat(254), 'ü'];

/** Ways to spoil one place. Each changes the document in place. */
const SPOILERS: readonly ((place: Place, seed: number) => void)[] = [
  ({ holder, key }) => (Array.isArray(holder) ? holder.splice(key as number, 1) : delete holder[key]),
  ({ holder, key }) => (Array.isArray(holder) ? holder.push(structuredClone(holder[key as number])) : (holder[`${key}s`] = structuredClone(holder[key]))),
  ({ holder, key }, seed) => (holder[key] = structuredClone(WRONG[seed % WRONG.length])),
  ({ holder, key, schema }, seed) => {
    if (schema?.type === 'integer') {
      const [min, max = 7] = [schema.minimum as number, schema.maximum as number | undefined];
      const bounds = [min - 1, min, max, max + 1, 2.5];
      holder[key] = bounds[seed % bounds.length];
    } else if (schema?.type === 'string') {
      holder[key] = schema.enum === undefined || seed % 2 === 0 ? TEXTS[seed % TEXTS.length] : schema.enum[seed % schema.enum.length];
    } else if (schema?.type === 'array') {
      const items = holder[key] as unknown[];
      const wanted = (schema.maxItems as number) + (seed % 2);
      if (items.length > 0 && wanted < 300) while (items.length < wanted) items.push(structuredClone(items[0]));
    } else if (schema?.type === 'object') {
      holder[key][seed % 2 === 0 ? 'timeot' : 'total'] = '1s';
    }
  },
  // Nothing in it: breaks rules about what must be set.
  ({ holder, key, schema }) => {
    if (schema?.type === 'object') holder[key] = {};
    else if (!Array.isArray(holder)) delete holder[key];
  },
  // The values of two siblings in each other's place, or the same: breaks rules about which is the longer.
  ({ holder, key }, seed) => {
    const other = Object.keys(holder).find((name) => name !== key && typeof holder[name] === 'string' && typeof holder[key] === 'string');
    if (other === undefined || Array.isArray(holder)) return;
    [holder[key], holder[other]] = seed % 2 === 0 ? [holder[other], holder[key]] : [holder[key], holder[key]];
  },
  // A sibling more: breaks rules about which members stand together.
  ({ holder, holderSchema }, seed) => {
    const names = Object.keys(holderSchema.properties ?? {});
    if (names.length > 0 && !Array.isArray(holder)) {
      const name = names[seed % names.length];
      holder[name] ??= fc.sample(valueOf(holderSchema.properties![name]), { numRuns: 1, seed })[0];
    }
  },
];

/**
 * The object with at most two of its optional members, or with the given one: small documents are quick to judge, and a mistake in one stands more often
 * in each part.
 */
function fewOf(schema: StructuralSchema, about: string | undefined): fc.Arbitrary<unknown> {
  const required = schema.required ?? [];
  const wanted = Object.keys(schema.properties!).filter((name) => about === undefined || name === about || required.includes(name));
  const members = new Map(wanted.map((name) => [name, valueOf(schema.properties![name]!)]));
  const optional = wanted.filter((name) => !required.includes(name));
  return fc.subarray(optional, { minLength: about === undefined ? 0 : optional.length, maxLength: Math.min(2, optional.length) })
    .chain((chosen) => fc.record(Object.fromEntries([...required, ...chosen].map((name) => [name, members.get(name)!]))))
    .filter((value) => broken(schema, value).length === 0);
}

/** Documents of a kind, valid and broken ones; broken only in one member of the spec where that is given. */
export function documentsOf(schema: StructuralSchema, kind: string, apiVersion: string, about?: string): fc.Arbitrary<any> {
  const { spec, status } = schema.properties!;
  const names = fc.oneof({ weight: 8, arbitrary: fc.constant('payment') }, { weight: 1, arbitrary: fc.constantFrom('a.b', 'a'.repeat(63), 'a'.repeat(64)) });
  const parts = { spec: fewOf(spec!, about), name: names, ...about === undefined ? { status: valueOf(status!) } : {} };
  const whole = fc.record(parts, { requiredKeys: ['spec', 'name'] })
    .map(({ name, ...rest }) => ({ apiVersion, kind, metadata: { name, namespace: 'shop' }, ...rest }));
  const spoiled = fc.tuple(whole, fc.nat(), fc.constantFrom(...SPOILERS), fc.nat()).map(([document, place, spoil, seed]) => {
    const copy = structuredClone(document) as any;
    const places = about === undefined ? placesOf(copy, schema) : placesUnder(copy.spec, about, spec!);
    spoil(places[place % places.length], seed);
    return copy;
  });
  return fc.oneof({ weight: 2, arbitrary: whole }, { weight: 3, arbitrary: spoiled });
}
