import { duration, type MessageInit, type RouteActionSchema } from '../../xds';
import type { Backend, HashKey } from '../model';

type HashPolicyInit = NonNullable<MessageInit<typeof RouteActionSchema>['hashPolicy']>[number];

/**
 * What is hashed for the choice of the version and for the balancers of the targets, each key once; the first that has a value decides. So a
 * request without the sticky key still reaches the endpoint of its ring hash key.
 */
export function hashPolicies(stickyBy: HashKey | undefined, targets: readonly Backend[]): HashPolicyInit[] {
  const rings = targets.flatMap(({ policies: { loadBalancer } }) => (loadBalancer.kind === 'ring-hash' ? [loadBalancer.key] : []));
  const keys = stickyBy ? [stickyBy, ...rings] : rings;
  const different = new Map(keys.map((key) => [JSON.stringify(key), key]));
  return [...different.values()].map((key) => ({ policySpecifier: specifier(key), terminal: true }));
}

function specifier(key: HashKey): HashPolicyInit['policySpecifier'] {
  switch (key.kind) {
    case 'header':
      return { case: 'header', value: { headerName: key.name } };
    case 'cookie':
      return { case: 'cookie', value: { name: key.name, path: '/', ttl: key.ttl === undefined ? undefined : duration(key.ttl) } };
    case 'query':
      return { case: 'queryParameter', value: { name: key.name } };
    case 'source-ip':
      return { case: 'connectionProperties', value: { sourceIp: true } };
  }
}
