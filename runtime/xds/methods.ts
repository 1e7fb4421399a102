/** `:path` of the calls between proxies and control planes. */
export const Method = {
  DeltaAggregatedResources: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  StreamAggregatedResources: '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
  IssueCertificate: '/meshwright.v1.CertificateService/IssueCertificate',
} as const;
