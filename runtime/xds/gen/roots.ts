// Written by scripts/generate-xds.mjs.

import { BootstrapSchema } from './envoy/config/bootstrap/v3/bootstrap_pb';
import { DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema, DiscoveryRequestSchema, DiscoveryResponseSchema } from './envoy/service/discovery/v3/discovery_pb';
import { StatusSchema } from './google/rpc/status_pb';
import { ListenerSchema } from './envoy/config/listener/v3/listener_pb';
import { RouteConfigurationSchema } from './envoy/config/route/v3/route_pb';
import { ClusterSchema } from './envoy/config/cluster/v3/cluster_pb';
import { ClusterLoadAssignmentSchema } from './envoy/config/endpoint/v3/endpoint_pb';
import { HttpConnectionManagerSchema } from './envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb';
import { TcpProxySchema } from './envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb';
import { ConfigSchema } from './envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb';
import { OriginalDstSchema } from './envoy/extensions/filters/listener/original_dst/v3/original_dst_pb';
import { TlsInspectorSchema } from './envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb';
import { HttpInspectorSchema } from './envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb';
import { FilterConfigSchema } from './envoy/config/route/v3/route_components_pb';
import { RouterSchema } from './envoy/extensions/filters/http/router/v3/router_pb';
import { LocalRateLimitSchema } from './envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb';
import { JwtAuthenticationSchema, PerRouteConfigSchema } from './envoy/extensions/filters/http/jwt_authn/v3/config_pb';
import { HTTPFaultSchema } from './envoy/extensions/filters/http/fault/v3/fault_pb';
import { BufferSchema, BufferPerRouteSchema } from './envoy/extensions/filters/http/buffer/v3/buffer_pb';
import { CompressorSchema, CompressorPerRouteSchema } from './envoy/extensions/filters/http/compressor/v3/compressor_pb';
import { GzipSchema } from './envoy/extensions/compression/gzip/compressor/v3/gzip_pb';
import { BrotliSchema } from './envoy/extensions/compression/brotli/compressor/v3/brotli_pb';
import { ZstdSchema } from './envoy/extensions/compression/zstd/compressor/v3/zstd_pb';
import { DigestSchema } from './meshwright/v1/digest_pb';
import { UpstreamTlsContextSchema, DownstreamTlsContextSchema } from './envoy/extensions/transport_sockets/tls/v3/tls_pb';
import { SecretSchema } from './envoy/extensions/transport_sockets/tls/v3/secret_pb';
import { RBACSchema, RBACPerRouteSchema } from './envoy/extensions/filters/http/rbac/v3/rbac_pb';
import { RBACSchema as RBACSchema35 } from './envoy/extensions/filters/network/rbac/v3/rbac_pb';
import { RawBufferSchema } from './envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb';
import { HttpProtocolOptionsSchema } from './envoy/extensions/upstreams/http/v3/http_protocol_options_pb';
import { RoundRobinSchema } from './envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb';
import { LeastRequestSchema } from './envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb';
import { RingHashSchema } from './envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb';
import { RandomSchema } from './envoy/extensions/load_balancing_policies/random/v3/random_pb';
import { WrrLocalitySchema } from './envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb';
import { PreviousHostsPredicateSchema } from './envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb';
import { FileAccessLogSchema } from './envoy/extensions/access_loggers/file/v3/file_pb';
import { StdoutAccessLogSchema } from './envoy/extensions/access_loggers/stream/v3/stream_pb';
import { IssueCertificateRequestSchema, IssueCertificateResponseSchema } from './meshwright/v1/certificate_pb';
import { FixedHeapConfigSchema } from './envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap_pb';
import { EventLoopDelayConfigSchema, BufferedBytesConfigSchema } from './meshwright/v1/resource_monitors_pb';
import { CircuitBreakerSchema } from './meshwright/v1/circuit_breaker_pb';
import { RetryExtensionSchema } from './meshwright/v1/retry_pb';
import { JwksOutageSchema } from './meshwright/v1/jwks_pb';
import { GrpcLimitsSchema } from './meshwright/v1/grpc_pb';
import { UnsupportedSchema } from './meshwright/v1/unsupported_pb';

export const roots = [
  BootstrapSchema,
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
  StatusSchema,
  ListenerSchema,
  RouteConfigurationSchema,
  ClusterSchema,
  ClusterLoadAssignmentSchema,
  HttpConnectionManagerSchema,
  TcpProxySchema,
  ConfigSchema,
  OriginalDstSchema,
  TlsInspectorSchema,
  HttpInspectorSchema,
  FilterConfigSchema,
  RouterSchema,
  LocalRateLimitSchema,
  JwtAuthenticationSchema,
  PerRouteConfigSchema,
  HTTPFaultSchema,
  BufferSchema,
  BufferPerRouteSchema,
  CompressorSchema,
  CompressorPerRouteSchema,
  GzipSchema,
  BrotliSchema,
  ZstdSchema,
  DigestSchema,
  UpstreamTlsContextSchema,
  DownstreamTlsContextSchema,
  SecretSchema,
  RBACSchema,
  RBACPerRouteSchema,
  RBACSchema35,
  RawBufferSchema,
  HttpProtocolOptionsSchema,
  RoundRobinSchema,
  LeastRequestSchema,
  RingHashSchema,
  RandomSchema,
  WrrLocalitySchema,
  PreviousHostsPredicateSchema,
  FileAccessLogSchema,
  StdoutAccessLogSchema,
  IssueCertificateRequestSchema,
  IssueCertificateResponseSchema,
  FixedHeapConfigSchema,
  EventLoopDelayConfigSchema,
  BufferedBytesConfigSchema,
  CircuitBreakerSchema,
  RetryExtensionSchema,
  JwksOutageSchema,
  GrpcLimitsSchema,
  UnsupportedSchema,
] as const;

/** Types of Envoy's that nothing here reads. */
export const named: ReadonlySet<string> = new Set([
  'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation',
  'envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute',
  'envoy.extensions.access_loggers.stream.v3.StderrAccessLog',
  'xds.type.v3.TypedStruct',
  'udpa.type.v1.TypedStruct',
]);
