import type { NamedMatchConfig, ValueMatchConfig } from '../config/types';
import { queryValue } from './path';
import { compilePattern } from './regex';
import type { RequestHead } from './types';

/** A rule about one header or query parameter. */
export type HeadMatcher = (head: RequestHead) => boolean;

const INTEGER = /^\s*[+-]?\d+\s*$/;

/** @throws Error for a pattern that does not compile. */
export function compileValue(match: Exclude<ValueMatchConfig, { kind: 'present' }>): (value: string) => boolean {
  switch (match.kind) {
    case 'regex': {
      const pattern = compilePattern(match.value);
      return (value) => pattern.matches(value);
    }
    case 'range': {
      const { start, end } = match;
      // Half open: start is in it, end is not.
      return (value) => INTEGER.test(value) && Number(value) >= start && Number(value) < end;
    }
    default:
      return compileText(match.kind, match.value, match.ignoreCase);
  }
}

function compileText(kind: 'exact' | 'prefix' | 'suffix' | 'contains', text: string, ignoreCase: boolean): (value: string) => boolean {
  if (ignoreCase) {
    const inner = compileText(kind, text.toLowerCase(), false);
    return (value) => inner(value.toLowerCase());
  }
  switch (kind) {
    case 'exact': return (value) => value === text;
    case 'prefix': return (value) => value.startsWith(text);
    case 'suffix': return (value) => value.endsWith(text);
    case 'contains': return (value) => value.includes(text);
  }
}

/** Reads a header, pseudo headers included. `host` is `:authority`. */
export function headerReader(name: string): (head: RequestHead) => string | undefined {
  switch (name) {
    case ':method': return (head) => head.method;
    case ':path': return (head) => head.path;
    case ':scheme': return (head) => head.scheme;
    case ':authority':
    case 'host': return (head) => head.authority;
    default: return (head) => head.header(name);
  }
}

/** A missing value matches nothing, inverted or not, except that `present` inverted means absent: envoy.config.route.v3.HeaderMatcher. */
function compileNamed(config: NamedMatchConfig, read: (head: RequestHead) => string | undefined): HeadMatcher {
  const { match, invert } = config;
  if (match.kind === 'present') return (head) => (read(head) !== undefined) !== invert;
  const matches = compileValue(match);
  return (head) => {
    const value = read(head);
    return value !== undefined && matches(value) !== invert;
  };
}

/** Several values of a header are looked at as one, joined by commas. */
export function compileHeaderMatch(config: NamedMatchConfig): HeadMatcher {
  return compileNamed(config, headerReader(config.name));
}

/** The first parameter of that name counts. */
export function compileQueryMatch(config: NamedMatchConfig): HeadMatcher {
  const { name } = config;
  return compileNamed(config, (head) => queryValue(head.path, name));
}
