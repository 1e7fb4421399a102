import { accepted, acceptedWith, ignored, only, type RuleTable } from './rule';

const RBAC = 'envoy.config.rbac.v3';

export const rbacRules: RuleTable = {
  'envoy.extensions.filters.http.rbac.v3.RBAC': {
    rules: acceptedWith('without it everything is allowed'),
    shadow_rules: acceptedWith('counted, never enforced'),
    rules_stat_prefix: accepted,
    shadow_rules_stat_prefix: ignored('shadow rules have metrics of their own'),
    track_per_rule_stats: ignored('metrics are counted for the filter'),
  },
  'envoy.extensions.filters.http.rbac.v3.RBACPerRoute': { rbac: acceptedWith('without it the filter is off for the route') },
  'envoy.extensions.filters.network.rbac.v3.RBAC': {
    rules: acceptedWith('without it everything is allowed'),
    shadow_rules: acceptedWith('counted, never enforced'),
    stat_prefix: acceptedWith('required'),
    shadow_rules_stat_prefix: ignored('shadow rules have metrics of their own'),
    enforcement_type: only(['ONE_TIME_ON_FIRST_BYTE'], 'once, when the connection is there: also before a byte where the server speaks first'),
  },
  [`${RBAC}.RBAC`]: { action: only(['ALLOW', 'DENY'], 'LOG needs somebody who reads access_log_hint'), policies: accepted },
  [`${RBAC}.Policy`]: { permissions: acceptedWith('at least one'), principals: acceptedWith('at least one') },
  [`${RBAC}.Permission`]: {
    any: accepted,
    and_rules: accepted,
    or_rules: accepted,
    not_rule: accepted,
    header: acceptedWith('of HTTP; matches no connection of bytes'),
    url_path: acceptedWith('the path without the query'),
    destination_port: acceptedWith('of the listener'),
    metadata: acceptedWith('of HTTP; what a token says'),
  },
  [`${RBAC}.Permission.Set`]: { rules: accepted },
  [`${RBAC}.Principal`]: {
    any: accepted,
    and_ids: accepted,
    or_ids: accepted,
    not_id: accepted,
    authenticated: acceptedWith('by a certificate that was verified'),
    direct_remote_ip: acceptedWith('the address that connected'),
    header: acceptedWith('of HTTP; matches no connection of bytes'),
    url_path: acceptedWith('the path without the query'),
    metadata: acceptedWith('of HTTP; what a token says'),
  },
  [`${RBAC}.Principal.Set`]: { ids: accepted },
  [`${RBAC}.Principal.Authenticated`]: { principal_name: acceptedWith('a URI name of the certificate; else a DNS name; else its subject') },
  'envoy.type.matcher.v3.PathMatcher': { path: acceptedWith('required') },
  'envoy.config.core.v3.CidrRange': { address_prefix: accepted, prefix_len: accepted },
};
