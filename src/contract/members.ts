import type * as z from 'zod';

/** Names of the members that a schema has at a path of a document; of a union those of all that may stand there. */
export function memberNames(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  return [...new Set(at(schema as z.core.$ZodType, path).flatMap((found) => (isObject(found) ? Object.keys(found._zod.def.shape) : [])))];
}

function at(schema: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'optional': case 'nullable': case 'default': case 'prefault': case 'readonly': case 'nonoptional': return at(def.innerType, path);
    case 'pipe': return at(def.in, path);
    case 'lazy': return at(def.getter(), path);
    case 'union': return def.options.flatMap((option) => at(option, path));
    default: break;
  }
  const [step, ...rest] = path;
  if (step === undefined) return [schema];
  if (def.type === 'array') return at(def.element, rest);
  if (def.type === 'record') return at(def.valueType, rest);
  const member = isObject(schema) ? schema._zod.def.shape[String(step)] : undefined;
  return member === undefined ? [] : at(member, rest);
}

function isObject(schema: z.core.$ZodType): schema is z.core.$ZodObject {
  return schema._zod.def.type === 'object';
}
