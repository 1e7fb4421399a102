import type { RouteActionConfig, RouteConfig } from '../config/types';
import { compileHash } from './hash-policy';
import { compileRedirect } from './redirect';
import type { CompiledAction, ForwardAction } from './types';
import { compileHeaderMatch } from './value-match';
import { compileChoice } from './weighted-clusters';

/** @throws Error for what does not compile. */
export function compileAction(route: RouteConfig, random: () => number): CompiledAction {
  const { action } = route;
  switch (action.kind) {
    case 'route': return compileForward(action, random);
    case 'redirect': return compileRedirect(action, route.match.path);
    case 'direct': return { kind: 'direct', statusCode: action.statusCode, body: action.body };
  }
}

function compileForward(action: RouteActionConfig, random: () => number): ForwardAction {
  const requestMatches = (action.retry?.requestMatches ?? []).map(compileHeaderMatch);
  return {
    kind: 'route',
    choose: compileChoice(action.clusters, action.clusterByHash, action.hostRewrite),
    hashPolicies: action.hash,
    hash: compileHash(action.hash, random),
    timeout: action.timeout,
    maxDuration: action.maxDuration,
    messageLimits: action.messageLimits,
    idleTimeout: action.idleTimeout,
    websocket: action.websocket,
    connect: action.connect ?? false,
    retry: action.retry,
    mayRetry: requestMatches.length === 0
      ? () => true
      : (head) => {
        for (const matches of requestMatches) if (matches(head)) return true;
        return false;
      },
    clusterNotFoundStatus: action.clusterNotFoundStatus,
    mirrors: action.mirrors,
  };
}
