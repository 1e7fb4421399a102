import { accepted, acceptedWith, ignored, only, type RuleTable } from './rule';

export const bootstrapRules: RuleTable = {
  'envoy.config.bootstrap.v3.Bootstrap': {
    node: accepted,
    static_resources: accepted,
    dynamic_resources: accepted,
    admin: accepted,
    stats_flush_interval: ignored('metrics are read from the admin server, nothing is pushed'),
    stats_flush_on_admin: ignored('metrics are computed when they are read'),
    enable_dispatcher_stats: ignored('the delay of the event loop is always measured'),
    default_socket_interface: ignored('there is one'),
  },
  'envoy.config.bootstrap.v3.Bootstrap.StaticResources': { listeners: accepted, clusters: accepted },
  'envoy.config.bootstrap.v3.Bootstrap.DynamicResources': {
    lds_config: acceptedWith('`ads: {}`'), cds_config: acceptedWith('`ads: {}`'), ads_config: accepted,
  },
  'envoy.config.bootstrap.v3.Admin': {
    address: acceptedWith('loopback only, unless another address is written here on purpose'),
    access_log: ignored('requests to the admin server are not logged'),
    access_log_path: ignored('requests to the admin server are not logged'),
    profile_path: ignored('there is no profiler'),
    ignore_global_conn_limit: only([false, true]),
  },
};
