import type { MetadataMatcher, ValueMatcher } from '../../../xds';
import type { MetadataMatchConfig, MetadataValueMatch } from '../jwt-types';
import type { Problems } from '../problems';
import { stringMatch } from './match';

/** A match on what a filter has left of a request for those behind it. */
export function metadataMatch({ path: segments, value, invert }: MetadataMatcher, path: string, problems: Problems): MetadataMatchConfig {
  if (segments.length === 0) problems.add(`${path}.path`, 'is empty: at least one key is required');
  return {
    path: segments.map(({ segment }, index) => {
      if (segment.case === 'key' && segment.value !== '') return segment.value;
      problems.add(`${path}.path[${index}].key`, 'is required');
      return '';
    }),
    value: valueMatch(value, `${path}.value`, problems),
    invert,
  };
}

function valueMatch(matcher: ValueMatcher | undefined, path: string, problems: Problems): MetadataValueMatch {
  const pattern = matcher?.matchPattern;
  switch (pattern?.case) {
    case 'stringMatch': return { kind: 'text', match: stringMatch(pattern.value, `${path}.string_match`, problems) };
    case 'boolMatch': return { kind: 'bool', value: pattern.value };
    case 'presentMatch': return { kind: 'present', value: pattern.value };
    case 'listMatch': {
      const inner = pattern.value.matchPattern;
      return { kind: 'list', oneOf: valueMatch(inner.case === 'oneOf' ? inner.value : undefined, `${path}.list_match.one_of`, problems) };
    }
    case 'orMatch':
      return { kind: 'or', of: pattern.value.valueMatchers.map((one, index) => valueMatch(one, `${path}.or_match.value_matchers[${index}]`, problems)) };
    default:
      problems.add(path, 'needs one of string_match, bool_match, present_match, list_match, or_match');
      return { kind: 'or', of: [] };
  }
}
