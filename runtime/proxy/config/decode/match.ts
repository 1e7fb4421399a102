import type { HeaderMatcher, QueryParameterMatcher, RegexMatcher, RouteMatch, StringMatcher } from '../../../xds';
import { compilePattern } from '../../route/regex';
import type { Problems } from '../problems';
import { show } from '../problems';
import type { NamedMatchConfig, PathMatchConfig, RouteMatchConfig, ValueMatchConfig } from '../types';
import { isHeaderName } from './headers';
import { runtimeFraction } from './scalars';

const PSEUDO = new Set([':method', ':path', ':authority', ':scheme']);

export function routeMatch(match: RouteMatch | undefined, path: string, problems: Problems): RouteMatchConfig {
  if (match === undefined) {
    problems.add(path, 'is required');
    return { path: { kind: 'prefix', value: '/', ignoreCase: false }, headers: [], queryParams: [], fractionPerMillion: 0 };
  }
  return {
    path: pathMatch(match, path, problems),
    headers: headerMatchers(match.headers, `${path}.headers`, problems),
    queryParams: match.queryParameters.map((matcher, index) => queryMatcher(matcher, `${path}.query_parameters[${index}]`, problems)),
    fractionPerMillion: runtimeFraction(match.runtimeFraction, 1_000_000, `${path}.runtime_fraction`, problems),
  };
}

export function headerMatchers(matchers: readonly HeaderMatcher[], path: string, problems: Problems): NamedMatchConfig[] {
  return matchers.map((matcher, index) => headerMatcher(matcher, `${path}[${index}]`, problems));
}

/** The pattern of a regex field, which must be valid RE2. */
export function regex(matcher: RegexMatcher | undefined, path: string, problems: Problems): string {
  const pattern = matcher?.regex ?? '';
  if (pattern === '') {
    problems.add(`${path}.regex`, 'is required');
    return pattern;
  }
  try {
    compilePattern(pattern);
  } catch (error) {
    problems.add(`${path}.regex`, `${show(pattern)} is not a regular expression of RE2: ${(error as Error).message}`);
  }
  return pattern;
}

function pathMatch(match: RouteMatch, path: string, problems: Problems): PathMatchConfig {
  const { pathSpecifier } = match;
  const ignoreCase = match.caseSensitive === false;
  switch (pathSpecifier.case) {
    case 'prefix':
      return { kind: 'prefix', value: absolute(pathSpecifier.value, `${path}.prefix`, problems, true), ignoreCase };
    case 'path':
      return { kind: 'exact', value: absolute(pathSpecifier.value, `${path}.path`, problems, false), ignoreCase };
    case 'pathSeparatedPrefix': {
      const value = absolute(pathSpecifier.value, `${path}.path_separated_prefix`, problems, false);
      if (value.endsWith('/')) problems.add(`${path}.path_separated_prefix`, `${show(value)} must not end in a slash`);
      return { kind: 'path_separated_prefix', value, ignoreCase };
    }
    case 'safeRegex':
      if (ignoreCase) problems.add(`${path}.case_sensitive`, 'false has no effect on a regular expression: write (?i) in it');
      return { kind: 'regex', value: regex(pathSpecifier.value, `${path}.safe_regex`, problems) };
    case 'connectMatcher':
      return { kind: 'connect', value: '', ignoreCase: false };
    default:
      problems.add(path, 'needs one of prefix, path, path_separated_prefix, safe_regex, connect_matcher');
      return { kind: 'prefix', value: '/', ignoreCase };
  }
}

function absolute(value: string, path: string, problems: Problems, mayBeEmpty: boolean): string {
  if (!(value.startsWith('/') || (mayBeEmpty && value === ''))) problems.add(path, `${show(value)} must start with a slash`);
  if (/[?#]/.test(value)) problems.add(path, `${show(value)} must not contain ? or #`);
  return value;
}

function headerMatcher(matcher: HeaderMatcher, path: string, problems: Problems): NamedMatchConfig {
  const name = matcher.name.toLowerCase();
  if (!PSEUDO.has(name) && !isHeaderName(name)) problems.add(`${path}.name`, `${show(matcher.name)} is not a header name`);
  const specifier = matcher.headerMatchSpecifier;
  const plain = (kind: 'exact' | 'prefix' | 'suffix' | 'contains', field: string, value: string): NamedMatchConfig => {
    if (value === '' && kind !== 'exact') problems.add(`${path}.${field}`, 'is empty: use present_match');
    return { name, match: { kind, value, ignoreCase: false }, invert: matcher.invertMatch };
  };
  switch (specifier.case) {
    case undefined:
      return { name, match: { kind: 'present' }, invert: matcher.invertMatch };
    case 'presentMatch':
      return { name, match: { kind: 'present' }, invert: matcher.invertMatch === specifier.value };
    case 'stringMatch':
      return { name, match: stringMatch(specifier.value, `${path}.string_match`, problems), invert: matcher.invertMatch };
    case 'exactMatch':
      return plain('exact', 'exact_match', specifier.value);
    case 'prefixMatch':
      return plain('prefix', 'prefix_match', specifier.value);
    case 'suffixMatch':
      return plain('suffix', 'suffix_match', specifier.value);
    case 'containsMatch':
      return plain('contains', 'contains_match', specifier.value);
    case 'safeRegexMatch':
      return { name, match: { kind: 'regex', value: regex(specifier.value, `${path}.safe_regex_match`, problems) }, invert: matcher.invertMatch };
    case 'rangeMatch': {
      const start = Number(specifier.value.start);
      const end = Number(specifier.value.end);
      if (end <= start) problems.add(`${path}.range_match.end`, `${end} must be greater than start ${start}`);
      return { name, match: { kind: 'range', start, end }, invert: matcher.invertMatch };
    }
  }
}

function queryMatcher(matcher: QueryParameterMatcher, path: string, problems: Problems): NamedMatchConfig {
  const specifier = matcher.queryParameterMatchSpecifier;
  if (matcher.name === '') problems.add(`${path}.name`, 'is required');
  if (specifier.case === 'stringMatch') {
    return { name: matcher.name, match: stringMatch(specifier.value, `${path}.string_match`, problems), invert: false };
  }
  return { name: matcher.name, match: { kind: 'present' }, invert: specifier.case === 'presentMatch' && !specifier.value };
}

export function stringMatch(matcher: StringMatcher, path: string, problems: Problems): ValueMatchConfig {
  const { matchPattern, ignoreCase } = matcher;
  switch (matchPattern.case) {
    case 'exact':
    case 'prefix':
    case 'suffix':
    case 'contains':
      if (matchPattern.value === '' && matchPattern.case !== 'exact') problems.add(`${path}.${matchPattern.case}`, 'is empty: use present_match');
      return { kind: matchPattern.case, value: matchPattern.value, ignoreCase };
    case 'safeRegex':
      if (ignoreCase) problems.add(`${path}.ignore_case`, 'true has no effect on a regular expression: write (?i) in it');
      return { kind: 'regex', value: regex(matchPattern.value, `${path}.safe_regex`, problems) };
    default:
      problems.add(path, 'needs one of exact, prefix, suffix, contains, safe_regex');
      return { kind: 'present' };
  }
}
