import type { MessageInit, RegexMatchAndSubstituteSchema } from '../../xds';
import type { PathMatch, PathRewrite } from '../model';

type RegexRewrite = MessageInit<typeof RegexMatchAndSubstituteSchema>;

/** A rewrite in the terms of xDS. */
export type XdsRewrite =
  | { readonly kind: 'full'; readonly path: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'regex'; readonly value: RegexRewrite };

/**
 * A path rewrite of Gateway API. Its prefixes are segments: `/foo` replaced by `/` makes `/bar` of `/foo/bar` and `/` of `/foo`, where
 * xDS' prefix_rewrite would make `//bar` and `/`; and `/` replaced by `/foo` makes `/foo/bar` of `/bar`.
 * @returns undefined where nothing changes.
 */
export function xdsRewrite(rewrite: PathRewrite | undefined, match: PathMatch): XdsRewrite | undefined {
  if (!rewrite) return undefined;
  if (rewrite.kind === 'full') return { kind: 'full', path: rewrite.value };
  const replacement = rewrite.value.replace(/\/+$/, '');
  if (match.value === '/') return replacement === '' ? undefined : { kind: 'prefix', value: `${replacement}/` };
  if (replacement !== '') return { kind: 'prefix', value: replacement };
  return { kind: 'regex', value: { pattern: { regex: `^${escapeRe2(match.value)}/*` }, substitution: '/' } };
}

/** The whole path as a pattern: regex_rewrite works on the path without its query. */
export function replaceAll(path: string): RegexRewrite {
  return { pattern: { regex: '^.*$' }, substitution: path.replaceAll('\\', '\\\\') };
}

function escapeRe2(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
