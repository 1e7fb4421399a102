import { celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import Ajv, { type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { CustomResourceDefinition, StructuralSchema } from '../../src/contract';

type Rule = (self: unknown) => string | undefined;

/** A value as CEL sees it under a structural schema: an integer is an `int`, which JavaScript has no number for. */
function celValue(value: unknown): any {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (Array.isArray(value)) return value.map(celValue);
  if (typeof value === 'object' && value !== null) return new Map(Object.entries(value).map(([name, member]) => [name, celValue(member)]));
  return value;
}

const rules = new Map<string, Rule>();

function ruleOf({ rule, message }: { rule: string; message: string }): Rule {
  let known = rules.get(rule);
  if (known === undefined) {
    const evaluate = plan(celEnv(), parse(rule)) as (variables: Record<string, unknown>) => unknown;
    // An error, such as that of a text which is no duration, fails the rule as in the API server.
    known = (self) => {
      const result = evaluate({ self: celValue(self) });
      return result === true ? undefined : `${message}${isCelError(result) ? ` (${result.message})` : ''}`;
    };
    rules.set(rule, known);
  }
  return known;
}

/** What the rules of one level of a schema say against a value. */
export function broken(schema: StructuralSchema, value: unknown): string[] {
  return ((schema['x-kubernetes-validations'] ?? []) as { rule: string; message: string }[]).flatMap((rule) => ruleOf(rule)(value) ?? []);
}

/**
 * What an API server says of a custom resource under strict field validation, the parts of it that a definition decides: the OpenAPI schema,
 * unknown fields, `x-kubernetes-list-type` and `x-kubernetes-validations`. `null` is left out: the API server drops it before it validates.
 */
export class ApiServer {
  readonly #schema: StructuralSchema;
  readonly #validate: ValidateFunction;

  constructor(crd: CustomResourceDefinition) {
    this.#schema = crd.spec.versions[0].schema.openAPIV3Schema;
    const ajv = new Ajv({ allErrors: true, strict: false });
    addFormats(ajv, ['date-time', 'int32', 'int64']);
    this.#validate = ajv.compile(this.#schema);
  }

  /** Why the document is refused; empty where it is admitted. */
  refusals(document: unknown): string[] {
    const out: string[] = [];
    if (!this.#validate(document)) out.push(...(this.#validate.errors ?? []).map((error) => `${error.instancePath}: ${error.message}`));
    this.#walk(this.#schema, document, '', out);
    return out;
  }

  #walk(schema: StructuralSchema, value: unknown, path: string, out: string[]): void {
    if (schema.type === 'object' && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      // Metadata has a schema of its own in the API server.
      if (path === '/metadata') return;
      for (const [name, member] of Object.entries(value)) {
        const known = schema.properties?.[name];
        if (known === undefined) out.push(`${path}/${name}: unknown field`);
        else this.#walk(known, member, `${path}/${name}`, out);
      }
    } else if (schema.type === 'array' && Array.isArray(value)) {
      this.#unique(schema, value, path, out);
      value.forEach((item, index) => this.#walk(schema.items!, item, `${path}/${index}`, out));
    }
    out.push(...broken(schema, value).map((refusal) => `${path}: ${refusal}`));
  }

  #unique(schema: StructuralSchema, items: readonly unknown[], path: string, out: string[]): void {
    const keys = schema['x-kubernetes-list-map-keys'] as string[] | undefined;
    if (schema['x-kubernetes-list-type'] === 'atomic') return;
    const identityOf = (item: any): unknown => (keys === undefined ? item : keys.map((key) => item?.[key]));
    const identities = items.map((item) => JSON.stringify(identityOf(item)));
    if (new Set(identities).size < items.length) out.push(`${path}: duplicate`);
  }
}
