import type * as z from 'zod';

type Issue = z.core.$ZodIssue;

/**
 * What is wrong with a document, a line each: path, the value that was found, the rule, and the fix where it is not the rule itself. All at once,
 * in the order of the document.
 */
export function explain(issues: readonly Issue[], document: unknown): string[] {
  return [...new Set(issues.flatMap((issue) => explainOne(issue, document)))];
}

function explainOne(issue: Issue, document: unknown): string[] {
  const path = pathText(issue.path);
  const value = valueAt(document, issue.path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => `${join(path, key)} is ${show(valueAt(document, [...issue.path, key]))}: not a field that this version supports; remove it`);
    case 'invalid_type':
      if (value === undefined) return [`${path} is missing: must be ${article(issue.expected)}`];
      return [`${path} is ${show(value)}: must be ${article(issue.expected)}`];
    case 'invalid_value':
      return [`${path} is ${show(value)}: must be ${issue.values.length === 1 ? show(issue.values[0]) : `one of ${issue.values.map(show).join(', ')}`}`];
    case 'too_big':
      return [`${path} is ${show(value)}: ${bound('most', issue.maximum, issue.origin)}`];
    case 'too_small':
      return [`${path} is ${show(value)}: ${bound('least', issue.minimum, issue.origin)}`];
    case 'invalid_format':
      return [`${path} is ${show(value)}: must ${formatRule(issue)}`];
    case 'invalid_union':
      return explainUnion(issue, path, value, document);
    default:
      return [`${path} is ${show(value)}: ${issue.message}`];
  }
}

/** With a discriminator only one member was tried; else the member that got furthest is the one that was meant. */
function explainUnion(issue: Extract<Issue, { code: 'invalid_union' }>, path: string, value: unknown, document: unknown): string[] {
  const at = issue.path;
  const members = issue.errors.map((errors) => errors.map((one) => ({ ...one, path: [...at, ...one.path] })) as Issue[]);
  const literals = members.flat().filter((one) => one.code === 'invalid_value');
  if (literals.length === members.length && literals.length > 0) {
    return [`${path} is ${show(value)}: must be one of ${literals.flatMap((one) => one.values).map(show).join(', ')}`];
  }
  const meant = [...members].sort((a, b) => depth(b) - depth(a))[0];
  if (meant !== undefined && meant.length > 0) return explain(meant, document);
  const options = (issue as { options?: readonly unknown[] }).options;
  const rule = options === undefined ? 'this version does not support it' : `must be one of ${options.map(show).join(', ')}`;
  return [`${path} is ${value === undefined ? 'missing' : show(value)}: ${rule}`];
}

function depth(issues: readonly Issue[]): number {
  return Math.max(0, ...issues.map(({ path }) => path.length));
}

function formatRule(issue: Extract<Issue, { code: 'invalid_format' }>): string {
  const { prefix, pattern } = issue as { prefix?: string; pattern?: string };
  if (!issue.message.startsWith('Invalid')) return issue.message.replace(/^must /, '');
  if (prefix !== undefined) return `begin with ${show(prefix)}`;
  return pattern === undefined ? `be a valid ${issue.format}` : `match ${pattern}`;
}

/** `spec.rules[0].name`. */
export function pathText(path: readonly PropertyKey[]): string {
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

function article(expected: string): string {
  const name = expected === 'int' ? 'integer' : expected;
  return /^[aeiou]/.test(name) ? `an ${name}` : `a ${name}`;
}

function bound(which: 'least' | 'most', limit: number | bigint, origin: string): string {
  if (origin === 'string') return `must have at ${which} ${limit} ${limit === 1 ? 'character' : 'characters'}`;
  return origin === 'array' ? `must have at ${which} ${limit} ${limit === 1 ? 'item' : 'items'}` : `must be at ${which} ${limit}`;
}
