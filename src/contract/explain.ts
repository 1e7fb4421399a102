import type * as z from 'zod';
import { memberNames } from './members';
import { nearest } from './nearest';
import { DURATION_RULE, LABEL_RULE, SUBDOMAIN_RULE } from './schema';

type Issue = z.core.$ZodIssue;

/** One thing that is wrong with a document. */
export interface Problem {
  /** `spec.rules[0].name`. */
  readonly path: string;
  /** What stands there, short and on one line; undefined where nothing does. */
  readonly value: string | undefined;
  /** What has to hold, as the end of a sentence that begins with the path: `must be at least 1`. */
  readonly rule: string;
  /** What to write instead, where the rule does not say so already. */
  readonly fix: string | undefined;
}

/**
 * What a schema found in a document, in words of ours; nobody else reads zod's. Everything at once, in the order of the document, each thing once.
 *
 * @param schema by which the document was judged; with it an unknown member is compared with those that there are
 */
export function explain(issues: readonly Issue[], document: unknown, schema?: z.ZodType): Problem[] {
  const problems = issues.flatMap((issue) => explainOne(issue, document, schema));
  const texts = new Set<string>();
  return problems.filter((problem) => texts.size < texts.add(problemText(problem)).size);
}

/** The problem in one line: `spec.port.number is 70000: must be at most 65535`. */
export function problemText({ path, value, rule, fix }: Problem): string {
  return `${path} is ${value ?? 'missing'}: ${rule}${fix === undefined ? '' : `; ${fix}`}`;
}

function explainOne(issue: Issue, document: unknown, schema: z.ZodType | undefined): Problem[] {
  const path = pathText(issue.path);
  const found = valueAt(document, issue.path);
  const value = found === undefined ? undefined : show(found);
  const must = (rule: string, fix?: string): Problem[] => [{ path, value, rule, fix }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: join(path, key), value: show(valueAt(document, [...issue.path, key])), rule: 'not a field that this version supports', fix: fixOf(issue.path, key, schema, found),
      }));
    case 'invalid_type': return must(own(issue) ?? `must be ${article(issue.expected)}`, written(own(issue), found));
    case 'invalid_value': return must(`must be ${issue.values.length === 1 ? show(issue.values[0]) : `one of ${issue.values.map(show).join(', ')}`}`, meant(found, issue.values));
    case 'too_big': return must(own(issue) ?? bound('most', issue.maximum, issue.origin), written(own(issue), found));
    case 'too_small': return must(own(issue) ?? bound('least', issue.minimum, issue.origin));
    case 'invalid_format': return must(own(issue) ?? `must ${formatRule(issue)}`, written(own(issue), found));
    case 'invalid_union': return explainUnion(issue, document, schema, must);
    default: return must(issue.message);
  }
}

/** What the schema itself says of the value; zod's own words begin otherwise. */
function own({ message }: Issue): string | undefined {
  return message.startsWith('must ') ? message : undefined;
}

/** The value in the form that the rule asks for, where the form is all that is wrong. */
function written(rule: string | undefined, found: unknown): string | undefined {
  if (rule === DURATION_RULE) return /^[1-9][0-9]{0,4}$/.test(String(found)) ? `write "${String(found)}ms" if milliseconds were meant` : undefined;
  if (typeof found !== 'string' || (rule !== LABEL_RULE && rule !== SUBDOMAIN_RULE)) return undefined;
  const [strange, length] = rule === LABEL_RULE ? [/[^a-z0-9]+/g, 63] : [/[^a-z0-9.]+/g, 253];
  const name = found.toLowerCase().replace(strange, '-').slice(0, length).replace(/^[-.]+|[-.]+$/g, '');
  return name === '' ? undefined : `write a name such as "${name}"`;
}

/** The member that was meant, of those that are not there yet; else none. */
function fixOf(path: readonly PropertyKey[], key: string, schema: z.ZodType | undefined, holder: unknown): string {
  const names = schema === undefined ? [] : memberNames(schema, path).filter((name) => !Object.hasOwn(holder as object, name));
  const near = nearest(key, names);
  return near === undefined ? 'remove it' : `did you mean ${near}?`;
}

function meant(found: unknown, values: readonly unknown[]): string | undefined {
  const near = typeof found === 'string' && values.length > 1 ? nearest(found, values.filter((one) => typeof one === 'string')) : undefined;
  return near === undefined ? undefined : `did you mean ${show(near)}?`;
}

/** With a discriminator only one member was tried; else the member that got furthest is the one that was meant. */
function explainUnion(
  issue: Extract<Issue, { code: 'invalid_union' }>, document: unknown, schema: z.ZodType | undefined, must: (rule: string) => Problem[],
): Problem[] {
  const members = issue.errors.map((errors) => errors.map((one) => ({ ...one, path: [...issue.path, ...one.path] })) as Issue[]);
  const literals = members.flat().filter((one) => one.code === 'invalid_value');
  if (literals.length === members.length && literals.length > 0) return must(`must be one of ${literals.flatMap((one) => one.values).map(show).join(', ')}`);
  const furthest = [...members].sort((a, b) => depth(b) - depth(a))[0];
  if (furthest !== undefined && furthest.length > 0) return explain(furthest, document, schema);
  const options = (issue as { options?: readonly unknown[] }).options;
  return must(options === undefined ? 'this version does not support it' : `must be one of ${options.map(show).join(', ')}`);
}

function depth(issues: readonly Issue[]): number {
  return Math.max(0, ...issues.map(({ path }) => path.length));
}

function formatRule(issue: Extract<Issue, { code: 'invalid_format' }>): string {
  const { prefix, pattern } = issue as { prefix?: string; pattern?: string };
  if (!issue.message.startsWith('Invalid')) return issue.message;
  if (prefix !== undefined) return `begin with ${show(prefix)}`;
  return pattern === undefined ? `be a valid ${issue.format}` : `match ${pattern}`;
}

function bound(which: 'least' | 'most', limit: number | bigint, origin: string): string {
  if (origin === 'string') return `must have at ${which} ${limit} ${limit === 1 ? 'character' : 'characters'}`;
  return origin === 'array' ? `must have at ${which} ${limit} ${limit === 1 ? 'item' : 'items'}` : `must be at ${which} ${limit}`;
}

function article(expected: string): string {
  const name = expected === 'int' ? 'integer' : expected;
  return /^[aeiou]/.test(name) ? `an ${name}` : `a ${name}`;
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => join(text, part), '') || 'the document';
}

function join(path: string, part: PropertyKey): string {
  if (typeof part === 'number') return `${path}[${part}]`;
  const name = String(part);
  if (!/^[A-Za-z_][\w-]*$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === '' || path === 'the document' ? name : `${path}.${name}`;
}

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  let value = document;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

/** A value as an error shows it: JSON, cut short. */
function show(value: unknown): string {
  const text = JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item)) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
