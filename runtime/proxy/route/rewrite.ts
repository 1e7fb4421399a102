import type { PathMatchConfig, PathRewriteConfig } from '../config/types';
import { pathLength } from './path';
import { compileSubstitution } from './regex';

/** Makes the new path, query kept, from the request's. */
export type PathRewrite = (path: string) => string;

/**
 * prefix_rewrite replaces what the route's match matched (the prefix, or the whole path for an exact path or a pattern); regex_rewrite replaces
 * every match in the path without its query. Undefined where nothing is to be rewritten: an empty prefix_rewrite is none, as in Envoy.
 *
 * @throws Error for a pattern or substitution that does not compile.
 */
export function compileRewrite(rewrite: PathRewriteConfig | undefined, match: PathMatchConfig): PathRewrite | undefined {
  if (rewrite === undefined) return undefined;
  if (rewrite.kind === 'regex') {
    const substitute = compileSubstitution(rewrite.pattern, rewrite.substitution);
    return (path) => {
      const length = pathLength(path);
      return substitute(path.slice(0, length)) + path.slice(length);
    };
  }
  const { value } = rewrite;
  if (value === '') return undefined;
  if (match.kind === 'regex') return (path) => value + path.slice(pathLength(path));
  const matched = match.value.length;
  return (path) => value + path.slice(matched);
}
