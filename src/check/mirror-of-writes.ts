import { defineCheck } from './define';

/** Methods without effects of their own (RFC 9110 §9.2.1). */
const SAFE: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Copies of requests that do something: it is done twice. */
export const mirrorOfWrites = defineCheck('MW164', 'warning', 'mirror-of-writes', ({ routes }, report) => {
  for (const { path, rules } of routes) {
    for (const { name, matches, mirrors = [] } of rules) {
      const others = [...new Set(matches.map(({ method }) => method).filter((method) => !SAFE.has(method)).map((method) => method ?? 'any method'))];
      for (const mirror of others.length === 0 ? [] : mirrors) {
        report(
          path, `rule ${name}: mirror to ${mirror}: ${others.join(', ')}`, 'what a copied request does is done twice',
          'match method: HttpMethod.GET, or acknowledge where the mirror has no effects outside of itself',
        );
      }
    }
  }
});
