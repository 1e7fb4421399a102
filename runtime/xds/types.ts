/**
 * The messages that the planes use, under short names: `ClusterSchema` and its type `Cluster`, `Cluster_DiscoveryType` and so on. A name that
 * several packages have is exported with a prefix that says which one is meant.
 */
export * from './gen/envoy/config/bootstrap/v3/bootstrap_pb';
export * from './gen/envoy/config/overload/v3/overload_pb';
export * from './gen/envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap_pb';
export * from './gen/meshwright/v1/resource_monitors_pb';
export * from './gen/envoy/service/discovery/v3/discovery_pb';

export * from './gen/envoy/config/listener/v3/listener_pb';
export * from './gen/envoy/config/listener/v3/listener_components_pb';
export * from './gen/envoy/config/route/v3/route_pb';
export * from './gen/envoy/config/route/v3/route_components_pb';
export * from './gen/envoy/config/cluster/v3/cluster_pb';
export * from './gen/envoy/config/cluster/v3/circuit_breaker_pb';
export * from './gen/envoy/config/cluster/v3/outlier_detection_pb';
export * from './gen/envoy/config/endpoint/v3/endpoint_pb';
export * from './gen/envoy/config/endpoint/v3/endpoint_components_pb';
export * from './gen/envoy/config/accesslog/v3/accesslog_pb';
export {
  AddressSchema, type Address, SocketAddressSchema, type SocketAddress, SocketAddress_Protocol, CidrRangeSchema, type CidrRange,
  TcpKeepaliveSchema, type TcpKeepalive,
} from './gen/envoy/config/core/v3/address_pb';
export {
  NodeSchema, type Node, LocalitySchema, type Locality, MetadataSchema, type Metadata, HeaderValueSchema, type HeaderValue,
  HeaderValueOptionSchema, type HeaderValueOption, HeaderValueOption_HeaderAppendAction,
  DataSourceSchema, type DataSource, TransportSocketSchema, type TransportSocket,
  RuntimeFractionalPercentSchema, type RuntimeFractionalPercent, RuntimeUInt32Schema, type RuntimeUInt32, RoutingPriority, TrafficDirection,
  type ControlPlane,
} from './gen/envoy/config/core/v3/base_pb';
export {
  ConfigSourceSchema, type ConfigSource, ApiConfigSourceSchema, type ApiConfigSource, ApiConfigSource_ApiType, ApiVersion,
  AggregatedConfigSourceSchema, type AggregatedConfigSource,
} from './gen/envoy/config/core/v3/config_source_pb';
export { TypedExtensionConfigSchema, type TypedExtensionConfig } from './gen/envoy/config/core/v3/extension_pb';
export { GrpcServiceSchema, type GrpcService } from './gen/envoy/config/core/v3/grpc_service_pb';
export { HealthCheckSchema, HealthStatus, type HealthCheck } from './gen/envoy/config/core/v3/health_check_pb';
export {
  HttpProtocolOptionsSchema, type HttpProtocolOptions, Http1ProtocolOptionsSchema, type Http1ProtocolOptions,
  Http2ProtocolOptionsSchema, type Http2ProtocolOptions,
} from './gen/envoy/config/core/v3/protocol_pb';
export { SubstitutionFormatStringSchema, type SubstitutionFormatString } from './gen/envoy/config/core/v3/substitution_format_string_pb';

export * from './gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb';
export * from './gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb';
export { ConfigSchema as SetFilterStateSchema, type Config as SetFilterState } from './gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb';
export * from './gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb';
export * from './gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb';
export * from './gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb';
export * from './gen/envoy/extensions/filters/http/router/v3/router_pb';
export * from './gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb';
export {
  RBACSchema as HttpRbacSchema, type RBAC as HttpRbac, RBACPerRouteSchema as HttpRbacPerRouteSchema, type RBACPerRoute as HttpRbacPerRoute,
} from './gen/envoy/extensions/filters/http/rbac/v3/rbac_pb';
export { RBACSchema as NetworkRbacSchema, type RBAC as NetworkRbac } from './gen/envoy/extensions/filters/network/rbac/v3/rbac_pb';
export {
  RBACSchema as RbacRulesSchema, type RBAC as RbacRules, RBAC_Action as RbacAction, PolicySchema as RbacPolicySchema,
  type Policy as RbacPolicy, PermissionSchema as RbacPermissionSchema, type Permission as RbacPermission,
  PrincipalSchema as RbacPrincipalSchema, type Principal as RbacPrincipal,
} from './gen/envoy/config/rbac/v3/rbac_pb';
export {
  JwtAuthenticationSchema, type JwtAuthentication, JwtProviderSchema, type JwtProvider, PerRouteConfigSchema as JwtPerRouteConfigSchema,
  JwtRequirementSchema, type JwtRequirement as JwtRequirementMessage, type RemoteJwks,
} from './gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb';
export { MetadataMatcherSchema, type MetadataMatcher } from './gen/envoy/type/matcher/v3/metadata_pb';
export { type ValueMatcher } from './gen/envoy/type/matcher/v3/value_pb';
export { type PathMatcher } from './gen/envoy/type/matcher/v3/path_pb';
export * from './gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb';
export * from './gen/envoy/extensions/filters/http/buffer/v3/buffer_pb';
export * from './gen/envoy/extensions/filters/http/fault/v3/fault_pb';
export * from './gen/envoy/extensions/filters/http/compressor/v3/compressor_pb';
export * from './gen/envoy/extensions/compression/gzip/compressor/v3/gzip_pb';
export * from './gen/envoy/extensions/compression/brotli/compressor/v3/brotli_pb';
export * from './gen/envoy/extensions/compression/zstd/compressor/v3/zstd_pb';
export * from './gen/meshwright/v1/digest_pb';
export * from './gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb';
export {
  CommonTlsContextSchema, DownstreamTlsContextSchema, UpstreamTlsContextSchema,
  type CommonTlsContext, type DownstreamTlsContext, type UpstreamTlsContext,
} from './gen/envoy/extensions/transport_sockets/tls/v3/tls_pb';
export { SecretSchema, type Secret, type SdsSecretConfig } from './gen/envoy/extensions/transport_sockets/tls/v3/secret_pb';
export {
  CertificateValidationContextSchema, SubjectAltNameMatcher_SanType, TlsCertificateSchema, TlsParameters_TlsProtocol,
  type CertificateValidationContext, type TlsCertificate, type TlsSessionTicketKeys, type TlsParameters,
} from './gen/envoy/extensions/transport_sockets/tls/v3/common_pb';
export * from './gen/envoy/extensions/access_loggers/file/v3/file_pb';
export * from './gen/envoy/extensions/access_loggers/stream/v3/stream_pb';
export * from './gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb';
export {
  HttpProtocolOptionsSchema as UpstreamHttpProtocolOptionsSchema, type HttpProtocolOptions as UpstreamHttpProtocolOptions,
} from './gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb';
export { RoundRobinSchema, type RoundRobin } from './gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb';
export { LeastRequestSchema, type LeastRequest } from './gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb';
export { RingHashSchema, type RingHash } from './gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb';
export { RandomSchema, type Random } from './gen/envoy/extensions/load_balancing_policies/random/v3/random_pb';
export { WrrLocalitySchema, type WrrLocality } from './gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb';

export { PercentSchema, type Percent, FractionalPercentSchema, type FractionalPercent, FractionalPercent_DenominatorType } from './gen/envoy/type/v3/percent_pb';
export { HashPolicySchema, type HashPolicy } from './gen/envoy/type/v3/hash_policy_pb';
export { TokenBucketSchema, type TokenBucket } from './gen/envoy/type/v3/token_bucket_pb';
export { HttpStatusSchema, type HttpStatus, StatusCode } from './gen/envoy/type/v3/http_status_pb';
export { Int64RangeSchema, type Int64Range } from './gen/envoy/type/v3/range_pb';
export { StringMatcherSchema, type StringMatcher } from './gen/envoy/type/matcher/v3/string_pb';
export {
  RegexMatcherSchema, type RegexMatcher, RegexMatchAndSubstituteSchema, type RegexMatchAndSubstitute,
} from './gen/envoy/type/matcher/v3/regex_pb';

export { StatusSchema, type Status } from './gen/google/rpc/status_pb';
export * from './gen/meshwright/v1/certificate_pb';
export * from './gen/meshwright/v1/circuit_breaker_pb';
export * from './gen/meshwright/v1/retry_pb';
export * from './gen/meshwright/v1/grpc_pb';
export * from './gen/meshwright/v1/jwks_pb';

export {
  AnySchema, type Any, BoolValueSchema, type BoolValue, BytesValueSchema, type BytesValue, DoubleValueSchema, type DoubleValue,
  DurationSchema, type Duration, StringValueSchema, type StringValue, StructSchema, type Struct, TimestampSchema, type Timestamp,
  UInt32ValueSchema, type UInt32Value,
} from '@bufbuild/protobuf/wkt';
