import type { MetadataMatchConfig, MetadataValueMatch } from '../config/types';
import { compileValue } from '../route/value-match';
import type { Subject } from './subject';

/** Compiles a condition on what a verified token says. Without such a token it holds for nobody, inverted or not. */
export function claimMatcher({ path, value, invert }: MetadataMatchConfig): (subject: Subject) => boolean {
  const matches = compile(value);
  return ({ claims }) => claims !== undefined && matches(at(claims, path)) !== invert;
}

function at(from: unknown, path: readonly string[]): unknown {
  let value = from;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function compile(match: MetadataValueMatch): (value: unknown) => boolean {
  switch (match.kind) {
    case 'text': {
      const { match: text } = match;
      if (text.kind === 'present') return (value) => typeof value === 'string';
      const matches = compileValue(text);
      return (value) => typeof value === 'string' && matches(value);
    }
    case 'bool': return (value) => value === match.value;
    case 'present': return (value) => (value !== undefined) === match.value;
    case 'list': {
      const matches = compile(match.oneOf);
      return (value) => Array.isArray(value) && value.some(matches);
    }
    case 'or': {
      const all = match.of.map(compile);
      return (value) => all.some((matches) => matches(value));
    }
  }
}

/** The scopes (RFC 6749 §3.3) that conditions name, to tell whoever lacks one. */
export function scopesOf({ path, value, invert }: MetadataMatchConfig): string[] {
  return path.at(-1) === 'scope' && !invert ? texts(value) : [];
}

function texts(match: MetadataValueMatch): string[] {
  switch (match.kind) {
    case 'text': return match.match.kind === 'exact' ? [match.match.value] : [];
    case 'list': return texts(match.oneOf);
    case 'or': return match.of.flatMap(texts);
    default: return [];
  }
}
