import * as fc from 'fast-check';
import { expand } from '../../../runtime/local/expand';

// The cases are those of Kubernetes' own documentation and of its expansion package.
test.each([
  ['$(HOST):$(PORT)', 'h:8080'],
  ['$(MISSING)', '$(MISSING)'],
  ['$$(HOST)', '$(HOST)'],
  ['$$$(HOST)', '$h'],
  ['$$$$(HOST)', '$$(HOST)'],
  ['$(HOST', '$(HOST'],
  ['a$', 'a$'],
  ['$x $ y', '$x $ y'],
  ['$()', '$()'],
  ['{"ip":"$(HOST)"}', '{"ip":"h"}'],
])('%s becomes %s', (text, expanded) => {
  expect(expand(text, { HOST: 'h', PORT: '8080' })).toBe(expanded);
});

test('a text without a dollar stays as it is, and doubling every dollar brings any text through', () => {
  fc.assert(fc.property(fc.string(), (text) => {
    expect(expand(text.replaceAll('$', '$$$$'), { a: 'b' })).toBe(text);
  }));
});
