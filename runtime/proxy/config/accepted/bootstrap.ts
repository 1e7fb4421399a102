import { accepted, acceptedWith, ignored, only, type RuleTable } from './rule';

export const bootstrapRules: RuleTable = {
  'envoy.config.bootstrap.v3.Bootstrap': {
    node: accepted,
    static_resources: accepted,
    dynamic_resources: accepted,
    admin: accepted,
    overload_manager: accepted,
    stats_flush_interval: ignored('metrics are read from the admin server, nothing is pushed'),
    stats_flush_on_admin: ignored('metrics are computed when they are read'),
    enable_dispatcher_stats: ignored('the delay of the event loop is always measured'),
    default_socket_interface: ignored('there is one'),
  },
  'envoy.config.bootstrap.v3.Bootstrap.StaticResources': { listeners: accepted, clusters: accepted, secrets: accepted },
  'envoy.config.bootstrap.v3.Bootstrap.DynamicResources': {
    lds_config: acceptedWith('`ads: {}`'), cds_config: acceptedWith('`ads: {}`'), ads_config: accepted,
  },
  'envoy.config.overload.v3.OverloadManager': {
    refresh_interval: acceptedWith('default 250 ms, Envoy\'s is 1 s'),
    resource_monitors: accepted,
    actions: accepted,
  },
  'envoy.config.overload.v3.ResourceMonitor': { name: accepted, typed_config: accepted },
  'envoy.config.overload.v3.OverloadAction': {
    name: acceptedWith('`envoy.overload_actions.stop_accepting_requests` (503 with flag OM) and `meshwright.overload_actions.stop_reading` (nothing is read '
      + 'from clients; after a second of that requests are shed)'),
    triggers: accepted,
  },
  'envoy.config.overload.v3.Trigger': { name: accepted, threshold: accepted },
  'envoy.config.overload.v3.ThresholdTrigger': { value: accepted },
  'envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig': {
    max_heap_size_bytes: acceptedWith('of the heap in use and what it holds outside; of each worker'),
  },
  'meshwright.v1.EventLoopDelayConfig': { max_delay: accepted },
  'meshwright.v1.BufferedBytesConfig': { max_bytes: accepted },
  'envoy.config.bootstrap.v3.Admin': {
    address: acceptedWith('of the loopback'),
    access_log: ignored('requests to the admin server are not logged'),
    access_log_path: ignored('requests to the admin server are not logged'),
    profile_path: ignored('there is no profiler'),
    ignore_global_conn_limit: only([false, true]),
  },
};
