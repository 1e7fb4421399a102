import { isIP, isIPv6 } from 'node:net';
import {
  RbacAction, type CidrRange, type HttpRbac, type NetworkRbac, type PathMatcher, type RbacPermission, type RbacPolicy, type RbacPrincipal,
  type RbacRules,
} from '../../../xds';
import type { Problems } from '../problems';
import { show } from '../problems';
import type { RbacConfig, RbacPolicyConfig, RbacRulesConfig, RbacTerm } from '../rbac-types';
import { headerMatchers, stringMatch } from './match';
import { metadataMatch } from './metadata';
import { inRange } from './scalars';

const NEVER: RbacTerm = { kind: 'not', term: { kind: 'any' } };

export function httpRbac(rbac: HttpRbac, name: string, path: string, problems: Problems): RbacConfig {
  return {
    statPrefix: rbac.rulesStatPrefix || name,
    rules: rbac.rules && rules(rbac.rules, `${path}.rules`, problems),
    shadow: rbac.shadowRules && rules(rbac.shadowRules, `${path}.shadow_rules`, problems),
  };
}

export function networkRbac(rbac: NetworkRbac, path: string, problems: Problems): RbacConfig {
  if (rbac.statPrefix === '') problems.add(`${path}.stat_prefix`, 'is required');
  return {
    statPrefix: rbac.statPrefix,
    rules: rbac.rules && rules(rbac.rules, `${path}.rules`, problems),
    shadow: rbac.shadowRules && rules(rbac.shadowRules, `${path}.shadow_rules`, problems),
  };
}

function rules(message: RbacRules, path: string, problems: Problems): RbacRulesConfig {
  return {
    action: message.action === RbacAction.DENY ? 'deny' : 'allow',
    policies: Object.keys(message.policies).sort().map((name) => policy(name, message.policies[name]!, `${path}.policies[${JSON.stringify(name)}]`, problems)),
  };
}

function policy(name: string, message: RbacPolicy, path: string, problems: Problems): RbacPolicyConfig {
  if (message.permissions.length === 0) problems.add(`${path}.permissions`, 'is empty: at least one is required');
  if (message.principals.length === 0) problems.add(`${path}.principals`, 'is empty: at least one is required');
  return {
    name,
    permissions: message.permissions.map((term, index) => permission(term, `${path}.permissions[${index}]`, problems)),
    principals: message.principals.map((term, index) => principal(term, `${path}.principals[${index}]`, problems)),
  };
}

function permission({ rule }: RbacPermission, path: string, problems: Problems): RbacTerm {
  switch (rule.case) {
    case 'any': return any(rule.value, `${path}.any`, problems);
    case 'andRules': return several('and', rule.value.rules, `${path}.and_rules.rules`, problems, permission);
    case 'orRules': return several('or', rule.value.rules, `${path}.or_rules.rules`, problems, permission);
    case 'notRule': return { kind: 'not', term: permission(rule.value, `${path}.not_rule`, problems) };
    case 'header': return { kind: 'header', match: headerMatchers([rule.value], `${path}.header`, problems)[0]! };
    case 'urlPath': return urlPath(rule.value, `${path}.url_path`, problems);
    case 'metadata': return { kind: 'metadata', match: metadataMatch(rule.value, `${path}.metadata`, problems) };
    case 'destinationPort': return { kind: 'port', port: inRange(rule.value, 1, 65_535, `${path}.destination_port`, problems) };
    default:
      problems.add(path, 'needs one of any, and_rules, or_rules, not_rule, header, url_path, destination_port, metadata');
      return NEVER;
  }
}

function principal({ identifier }: RbacPrincipal, path: string, problems: Problems): RbacTerm {
  switch (identifier.case) {
    case 'any': return any(identifier.value, `${path}.any`, problems);
    case 'andIds': return several('and', identifier.value.ids, `${path}.and_ids.ids`, problems, principal);
    case 'orIds': return several('or', identifier.value.ids, `${path}.or_ids.ids`, problems, principal);
    case 'notId': return { kind: 'not', term: principal(identifier.value, `${path}.not_id`, problems) };
    case 'authenticated': {
      const { principalName } = identifier.value;
      return { kind: 'authenticated', name: principalName && stringMatch(principalName, `${path}.authenticated.principal_name`, problems) };
    }
    case 'directRemoteIp': return address(identifier.value, `${path}.direct_remote_ip`, problems);
    case 'header': return { kind: 'header', match: headerMatchers([identifier.value], `${path}.header`, problems)[0]! };
    case 'urlPath': return urlPath(identifier.value, `${path}.url_path`, problems);
    case 'metadata': return { kind: 'metadata', match: metadataMatch(identifier.value, `${path}.metadata`, problems) };
    default:
      problems.add(path, 'needs one of any, and_ids, or_ids, not_id, authenticated, direct_remote_ip, header, url_path, metadata');
      return NEVER;
  }
}

function any(value: boolean, path: string, problems: Problems): RbacTerm {
  if (!value) problems.add(path, 'must be true; write not_rule or not_id for nobody');
  return { kind: 'any' };
}

function several<T>(
  kind: 'and' | 'or', terms: readonly T[], path: string, problems: Problems, decode: (term: T, path: string, problems: Problems) => RbacTerm,
): RbacTerm {
  if (terms.length === 0) problems.add(path, 'is empty: at least one is required');
  return { kind, terms: terms.map((term, index) => decode(term, `${path}[${index}]`, problems)) };
}

function urlPath({ rule }: PathMatcher, path: string, problems: Problems): RbacTerm {
  if (rule.case !== 'path') {
    problems.add(`${path}.path`, 'is required');
    return NEVER;
  }
  return { kind: 'path', match: stringMatch(rule.value, `${path}.path`, problems) };
}

function address({ addressPrefix, prefixLen }: CidrRange, path: string, problems: Problems): RbacTerm {
  if (isIP(addressPrefix) === 0) {
    problems.add(`${path}.address_prefix`, `${show(addressPrefix)} must be an IP address`);
    return NEVER;
  }
  return { kind: 'address', prefix: addressPrefix, length: inRange(prefixLen ?? 0, 0, isIPv6(addressPrefix) ? 128 : 32, `${path}.prefix_len`, problems) };
}
