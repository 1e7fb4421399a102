// What runtime/xds/gen is made of: by proto file, the messages that a plane reads or writes. What they reach comes with them, except by fields
// that the proxy refuses. Every type here is memory of every proxy.
const v3 = 'envoy/extensions';

/** What fields hold that the proxy refuses (runtime/proxy/config/accepted): run the generator again after a field was added there. */
export const UNSUPPORTED = 'meshwright.v1.Unsupported';

/** Fields that the proxy refuses, and the control plane writes for other clients: those of gRPC, and an Envoy whose certificate is in a file. */
export const writtenForOthers = {
  'envoy.config.core.v3.ConfigSource': ['path_config_source'],
  'envoy.config.listener.v3.Listener': ['api_listener'],
  'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext': ['tls_certificate_provider_instance'],
  'envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext': ['ca_certificate_provider_instance'],
};

export const roots = {
  'envoy/config/bootstrap/v3/bootstrap.proto': ['envoy.config.bootstrap.v3.Bootstrap'],
  'envoy/service/discovery/v3/discovery.proto': [
    'envoy.service.discovery.v3.DeltaDiscoveryRequest', 'envoy.service.discovery.v3.DeltaDiscoveryResponse',
    'envoy.service.discovery.v3.DiscoveryRequest', 'envoy.service.discovery.v3.DiscoveryResponse',
  ],
  'google/rpc/status.proto': ['google.rpc.Status'],

  // The resources.
  'envoy/config/listener/v3/listener.proto': ['envoy.config.listener.v3.Listener'],
  'envoy/config/route/v3/route.proto': ['envoy.config.route.v3.RouteConfiguration'],
  'envoy/config/cluster/v3/cluster.proto': ['envoy.config.cluster.v3.Cluster'],
  'envoy/config/endpoint/v3/endpoint.proto': ['envoy.config.endpoint.v3.ClusterLoadAssignment'],

  // Network filters.
  [`${v3}/filters/network/http_connection_manager/v3/http_connection_manager.proto`]: [
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
  ],
  [`${v3}/filters/network/tcp_proxy/v3/tcp_proxy.proto`]: ['envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'],
  [`${v3}/filters/network/set_filter_state/v3/set_filter_state.proto`]: ['envoy.extensions.filters.network.set_filter_state.v3.Config'],

  // Listener filters.
  [`${v3}/filters/listener/original_dst/v3/original_dst.proto`]: ['envoy.extensions.filters.listener.original_dst.v3.OriginalDst'],
  [`${v3}/filters/listener/tls_inspector/v3/tls_inspector.proto`]: ['envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector'],
  [`${v3}/filters/listener/http_inspector/v3/http_inspector.proto`]: ['envoy.extensions.filters.listener.http_inspector.v3.HttpInspector'],

  // HTTP filters.
  'envoy/config/route/v3/route_components.proto': ['envoy.config.route.v3.FilterConfig'],
  [`${v3}/filters/http/router/v3/router.proto`]: ['envoy.extensions.filters.http.router.v3.Router'],
  [`${v3}/filters/http/local_ratelimit/v3/local_rate_limit.proto`]: ['envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit'],

  [`${v3}/filters/http/jwt_authn/v3/config.proto`]: [
    'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication', 'envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig',
  ],
  [`${v3}/filters/http/fault/v3/fault.proto`]: ['envoy.extensions.filters.http.fault.v3.HTTPFault'],
  [`${v3}/filters/http/buffer/v3/buffer.proto`]: [
    'envoy.extensions.filters.http.buffer.v3.Buffer', 'envoy.extensions.filters.http.buffer.v3.BufferPerRoute',
  ],
  [`${v3}/filters/http/compressor/v3/compressor.proto`]: [
    'envoy.extensions.filters.http.compressor.v3.Compressor', 'envoy.extensions.filters.http.compressor.v3.CompressorPerRoute',
  ],
  [`${v3}/compression/gzip/compressor/v3/gzip.proto`]: ['envoy.extensions.compression.gzip.compressor.v3.Gzip'],
  [`${v3}/compression/brotli/compressor/v3/brotli.proto`]: ['envoy.extensions.compression.brotli.compressor.v3.Brotli'],
  [`${v3}/compression/zstd/compressor/v3/zstd.proto`]: ['envoy.extensions.compression.zstd.compressor.v3.Zstd'],
  'meshwright/v1/digest.proto': ['meshwright.v1.Digest'],

  // Transport sockets.
  [`${v3}/transport_sockets/tls/v3/tls.proto`]: [
    'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
  ],
  [`${v3}/transport_sockets/tls/v3/secret.proto`]: ['envoy.extensions.transport_sockets.tls.v3.Secret'],
  [`${v3}/filters/http/rbac/v3/rbac.proto`]: [
    'envoy.extensions.filters.http.rbac.v3.RBAC', 'envoy.extensions.filters.http.rbac.v3.RBACPerRoute',
  ],
  [`${v3}/filters/network/rbac/v3/rbac.proto`]: ['envoy.extensions.filters.network.rbac.v3.RBAC'],

  // Clusters.
  [`${v3}/transport_sockets/raw_buffer/v3/raw_buffer.proto`]: ['envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'],
  [`${v3}/upstreams/http/v3/http_protocol_options.proto`]: ['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'],
  [`${v3}/load_balancing_policies/round_robin/v3/round_robin.proto`]: ['envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin'],
  [`${v3}/load_balancing_policies/least_request/v3/least_request.proto`]: ['envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest'],
  [`${v3}/load_balancing_policies/ring_hash/v3/ring_hash.proto`]: ['envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash'],
  [`${v3}/load_balancing_policies/random/v3/random.proto`]: ['envoy.extensions.load_balancing_policies.random.v3.Random'],
  [`${v3}/load_balancing_policies/wrr_locality/v3/wrr_locality.proto`]: ['envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality'],
  [`${v3}/retry/host/previous_hosts/v3/previous_hosts.proto`]: ['envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'],

  // Access logs.
  [`${v3}/access_loggers/file/v3/file.proto`]: ['envoy.extensions.access_loggers.file.v3.FileAccessLog'],
  [`${v3}/access_loggers/stream/v3/stream.proto`]: ['envoy.extensions.access_loggers.stream.v3.StdoutAccessLog'],

  'meshwright/v1/certificate.proto': ['meshwright.v1.IssueCertificateRequest', 'meshwright.v1.IssueCertificateResponse'],
  // Overload.
  [`${v3}/resource_monitors/fixed_heap/v3/fixed_heap.proto`]: ['envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig'],
  'meshwright/v1/resource_monitors.proto': ['meshwright.v1.EventLoopDelayConfig', 'meshwright.v1.BufferedBytesConfig'],

  'meshwright/v1/circuit_breaker.proto': ['meshwright.v1.CircuitBreaker'],
  'meshwright/v1/retry.proto': ['meshwright.v1.RetryExtension'],
  'meshwright/v1/jwks.proto': ['meshwright.v1.JwksOutage'],
  'meshwright/v1/grpc.proto': ['meshwright.v1.GrpcLimits'],
  'meshwright/v1/unsupported.proto': [UNSUPPORTED],
};

// Envoy's types that no plane reads, and that are told from misspelt ones: an Any in JSON may hold them, so that an error can name its place. Who
// begins to read one moves it up.
export const named = [
  'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation',
  'envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute',
  'envoy.extensions.access_loggers.stream.v3.StderrAccessLog',
  'xds.type.v3.TypedStruct',
  'udpa.type.v1.TypedStruct',
];

// Fields of newer versions that the package's copy lacks, with the numbers they have upstream (go-control-plane/envoy v1.40.0).
export const additions = [
  {
    file: 'envoy/extensions/transport_sockets/tls/v3/tls.proto',
    container: 'message UpstreamTlsContext',
    fields: ['bool auto_host_sni = 6', 'bool auto_sni_san_validation = 7'],
  },
  { file: 'validate/validate.proto', container: 'message StringRules', fields: ['optional bool ignore_empty = 26'] },
  {
    file: 'envoy/config/route/v3/route_components.proto',
    container: 'oneof random_value_specifier',
    fields: ['google.protobuf.BoolValue use_hash_policy = 5'],
  },
  {
    file: 'envoy/config/cluster/v3/circuit_breaker.proto',
    container: 'message RetryBudget',
    fields: ['google.protobuf.Duration budget_interval = 3'],
    imports: ['google/protobuf/duration.proto'],
  },
  {
    file: 'envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.proto',
    container: 'message LocalRateLimit',
    fields: [
      'repeated config.route.v3.RateLimit rate_limits = 17',
      'google.protobuf.UInt32Value max_dynamic_descriptors = 18',
      'bool enable_retry_after_header = 19',
    ],
    imports: ['envoy/config/route/v3/route_components.proto', 'google/protobuf/wrappers.proto'],
  },
];
