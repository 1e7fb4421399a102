import type { PathMatchConfig, RedirectConfig } from '../config/types';
import { compileRewrite } from './rewrite';
import type { RedirectAction, RequestHead } from './types';

/**
 * envoy.config.route.v3.RedirectAction: what is not redirected stays as the client asked for it. The request's port goes away where the redirect
 * names one, or where it was the default of a scheme that changes; a path that brings its own query replaces the client's.
 *
 * @throws Error for a rewrite that does not compile.
 */
export function compileRedirect(config: RedirectConfig, match: PathMatchConfig): RedirectAction {
  const rewrite = compileRewrite(config.rewrite, match);
  const port = config.port ? `:${config.port}` : '';
  const fixedPath = config.path || undefined;
  const ownQuery = fixedPath !== undefined && fixedPath.includes('?');
  return {
    kind: 'redirect',
    statusCode: config.statusCode,
    location(head) {
      const scheme = config.scheme || head.scheme;
      const host = config.host || requestHost(head, scheme, port !== '');
      let path = head.path;
      if (fixedPath !== undefined) path = ownQuery ? fixedPath : fixedPath + query(path);
      else if (rewrite) path = rewrite(path);
      if (!path.startsWith('/')) path = `/${path}`;
      if (config.stripQuery && !ownQuery) path = path.slice(0, path.length - query(path).length);
      return `${scheme}://${host}${port}${path}`;
    },
  };
}

function query(path: string): string {
  const at = path.indexOf('?');
  return at < 0 ? '' : path.slice(at);
}

function requestHost(head: RequestHead, scheme: string, portGiven: boolean): string {
  const { authority } = head;
  // In an IPv6 literal only a colon behind the bracket starts a port.
  const at = authority.startsWith('[') ? authority.indexOf(']:') + 1 : authority.lastIndexOf(':');
  if (at <= 0) return authority;
  const port = authority.slice(at);
  const defaultDropped = scheme !== head.scheme && port === (head.scheme === 'https' ? ':443' : ':80');
  return portGiven || defaultDropped ? authority.slice(0, at) : authority;
}
