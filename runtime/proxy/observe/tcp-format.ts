/** Ours for connections of a tcp_proxy: who spoke to whom, for how long, how much, and how it ended. */
export const DEFAULT_TCP_FORMAT: ReadonlyMap<string, string> = new Map([
  ['time', '%START_TIME%'],
  ['listener', '%LISTENER_NAME%'],
  ['server_name', '%REQUESTED_SERVER_NAME%'],
  ['flags', '%RESPONSE_FLAGS%'],
  ['detail', '%RESPONSE_CODE_DETAILS%'],
  ['duration', '%DURATION%'],
  ['upstream_duration', '%RESPONSE_DURATION%'],
  ['tries', '%UPSTREAM_REQUEST_ATTEMPT_COUNT%'],
  ['cluster', '%UPSTREAM_CLUSTER%'],
  ['upstream', '%UPSTREAM_HOST%'],
  ['client', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'],
  ['peer', '%DOWNSTREAM_PEER_URI_SAN%'],
  ['upstream_failure', '%UPSTREAM_TRANSPORT_FAILURE_REASON%'],
  ['bytes_received', '%BYTES_RECEIVED%'],
  ['bytes_sent', '%BYTES_SENT%'],
]);
