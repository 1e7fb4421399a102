import { accepted, acceptedWith, each, ignored, only, type RuleTable } from './rule';

const NO_RUNTIME = ignored('there are no runtime keys here; the default value holds');

/** Types that several resources use. */
export const coreRules: RuleTable = {
  'envoy.config.core.v3.Address': { socket_address: accepted },
  'envoy.config.core.v3.SocketAddress': {
    protocol: only(['TCP']),
    address: acceptedWith('an IP address; a name only in endpoints of STRICT_DNS clusters'),
    port_value: accepted,
    ipv4_compat: only([false]),
  },
  'envoy.config.core.v3.Locality': { region: accepted, zone: accepted, sub_zone: ignored('localities are told apart by region and zone') },
  'envoy.config.core.v3.Node': {
    ...each(['id', 'cluster', 'metadata', 'locality'], acceptedWith('sent to the control plane')),
    ...each(['user_agent_name', 'user_agent_version', 'user_agent_build_version', 'client_features', 'extensions'],
      ignored('the proxy says itself what it is')),
    listening_addresses: ignored('the control plane learns them from elsewhere'),
  },
  'envoy.config.core.v3.ConfigSource': {
    ads: acceptedWith('the only source of discovered resources'),
    resource_api_version: only(['AUTO', 'V3']),
    initial_fetch_timeout: ignored('a resource is waited for until it arrives; what is live goes on meanwhile'),
  },
  'envoy.config.core.v3.AggregatedConfigSource': {},
  'envoy.config.core.v3.ApiConfigSource': {
    api_type: only(['DELTA_GRPC'], 'incremental ADS'),
    transport_api_version: only(['V3']),
    grpc_services: acceptedWith('several are tried in turn'),
    set_node_on_first_message_only: ignored('the node is in the first message of a stream only, as delta xDS says'),
  },
  'envoy.config.core.v3.GrpcService': { envoy_grpc: accepted },
  'envoy.config.core.v3.GrpcService.EnvoyGrpc': {
    cluster_name: acceptedWith('a static cluster with http2_protocol_options; all its endpoints are tried in turn'),
    authority: accepted,
  },
  'envoy.config.core.v3.HttpProtocolOptions': {
    idle_timeout: accepted,
    max_connection_duration: acceptedWith('downstream connections drain: GOAWAY, or `Connection: close`; upstream ones take no more requests'),
    max_requests_per_connection: acceptedWith('of upstream connections; refused downstream'),
    headers_with_underscores_action: only(['ALLOW']),
  },
  'envoy.config.core.v3.Http1ProtocolOptions': {
    accept_http_10: acceptedWith('downstream'),
    allow_absolute_url: only([true]),
    enable_trailers: ignored('trailers are forwarded as they are'),
  },
  'envoy.config.core.v3.Http2ProtocolOptions': {
    max_concurrent_streams: acceptedWith('100 by default'),
    initial_stream_window_size: acceptedWith('256 KiB by default'),
    initial_connection_window_size: acceptedWith('1 MiB by default'),
    connection_keepalive: acceptedWith('of either side, and of the cluster that serves ADS'),
  },
  'envoy.config.core.v3.KeepaliveSettings': { interval: accepted, timeout: accepted },
  'envoy.config.core.v3.RuntimeUInt32': { default_value: accepted, runtime_key: NO_RUNTIME },
  'envoy.config.core.v3.RuntimeFractionalPercent': { default_value: accepted, runtime_key: NO_RUNTIME },
  'envoy.type.v3.FractionalPercent': { numerator: accepted, denominator: accepted },
  'envoy.type.v3.Percent': { value: accepted },
  'envoy.config.core.v3.HeaderValueOption': {
    header: accepted,
    append: acceptedWith('older form of append_action'),
    append_action: only(['APPEND_IF_EXISTS_OR_ADD', 'OVERWRITE_IF_EXISTS_OR_ADD']),
    keep_empty_value: accepted,
  },
  'envoy.config.core.v3.HeaderValue': { key: accepted, value: acceptedWith('literal: `%` only as `%%`') },
  'envoy.config.core.v3.DataSource': {
    inline_string: accepted, inline_bytes: accepted, filename: acceptedWith('of TLS only; read once, when the configuration comes: what changes comes by SDS'),
  },
  'envoy.config.core.v3.Metadata': {
    filter_metadata: ignored('for others'),
    typed_filter_metadata: acceptedWith('`meshwright.*` is read, the rest is for others'),
  },
  'envoy.config.core.v3.TypedExtensionConfig': { name: accepted, typed_config: accepted },
  'envoy.config.core.v3.TransportSocket': { name: accepted, typed_config: acceptedWith('RawBuffer, DownstreamTlsContext, UpstreamTlsContext') },
  'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer': {},
  'envoy.type.matcher.v3.StringMatcher': each(['exact', 'prefix', 'suffix', 'contains', 'safe_regex', 'ignore_case'], accepted),
  'envoy.type.matcher.v3.RegexMatcher': { google_re2: ignored('the syntax is always that of RE2'), regex: acceptedWith('RE2; matches the whole value') },
  'envoy.type.matcher.v3.RegexMatchAndSubstitute': { pattern: accepted, substitution: accepted },
  'envoy.type.v3.Int64Range': { start: accepted, end: accepted },
};
