import { RE2JS } from 're2js';

/**
 * Regular expressions as everywhere in xDS: RE2's syntax and its guarantee of linear time, whatever a client sends
 * (envoy.type.matcher.v3.RegexMatcher).
 */
export interface Pattern {
  /** The whole text matches: Envoy anchors at both ends. */
  matches(text: string): boolean;
}

/** @throws Error that says what is wrong with the pattern. */
export function compilePattern(source: string): Pattern {
  const compiled = RE2JS.compile(source);
  return { matches: (text) => compiled.testExact(text) };
}

/**
 * Looks for the pattern anywhere in a text, as operators expect of a filter; linear as `compilePattern` is.
 *
 * @throws Error that says what is wrong with the pattern.
 */
export function compileSearch(source: string): (text: string) => boolean {
  const compiled = RE2JS.compile(source);
  return (text) => compiled.test(text);
}

/**
 * Replaces every match of the pattern in a text (envoy.type.matcher.v3.RegexMatchAndSubstitute): in the substitution `\0` is the match, `\1` to
 * `\9` are its groups, `\\` is a backslash.
 *
 * @throws Error that says what is wrong with pattern or substitution.
 */
export function compileSubstitution(source: string, substitution: string): (text: string) => string {
  const compiled = RE2JS.compile(source);
  const parts = parseSubstitution(substitution, compiled.groupCount());
  return (text) => {
    const matcher = compiled.matcher(text);
    let result = '';
    let from = 0;
    while (matcher.find()) {
      const start = matcher.start();
      // RE2 takes no empty match where the last match ended.
      if (start === matcher.end() && start === from && from > 0) continue;
      result += text.slice(from, start);
      for (const part of parts) result += typeof part === 'string' ? part : matcher.group(part) ?? '';
      from = matcher.end();
    }
    return result + text.slice(from);
  };
}

/** Literals and numbers of groups, in order. */
function parseSubstitution(substitution: string, groups: number): (string | number)[] {
  const parts: (string | number)[] = [];
  let literal = '';
  for (let i = 0; i < substitution.length; i++) {
    if (substitution[i] !== '\\') {
      literal += substitution[i];
      continue;
    }
    const next = substitution[++i];
    if (next === '\\') {
      literal += next;
    } else if (next !== undefined && next >= '0' && next <= '9') {
      if (Number(next) > groups) throw new Error(`the substitution names group \\${next}, but the pattern has ${groups}`);
      parts.push(literal, Number(next));
      literal = '';
    } else {
      throw new Error('a backslash in the substitution must be followed by a digit or another backslash');
    }
  }
  return [...parts, literal].filter((part) => part !== '');
}
