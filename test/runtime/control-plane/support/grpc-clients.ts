import {
  makeClientConstructor, type ChannelCredentials, type Client, type ClientDuplexStream, type ClientOptions, type Metadata, type ServiceError,
} from '@grpc/grpc-js';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse, IssueCertificateRequest, IssueCertificateResponse } from '../../../../runtime/xds';
import { CertificateService } from '../../../../runtime/xds/certificate-service';
import { AdsService } from '../../xds/ads-service';

// Clients of the control plane that are none of ours.

export type AdsClientStream = ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

export interface AdsClient extends Client {
  deltaAggregatedResources(metadata?: Metadata): AdsClientStream;
}

/** Connects lazily: the first stream opens the connection. */
export function createAdsClient(address: string, credentials: ChannelCredentials, options?: Partial<ClientOptions>): AdsClient {
  const constructor = makeClientConstructor(AdsService, 'AggregatedDiscoveryService');
  return new constructor(address, credentials, options) as unknown as AdsClient;
}

export interface CertificateClient extends Client {
  issueCertificate(
    request: IssueCertificateRequest, metadata: Metadata, options: { deadline: number },
    callback: (error: ServiceError | null, response?: IssueCertificateResponse) => void,
  ): void;
}

/** Connects lazily: the first call opens the connection. */
export function createCertificateClient(address: string, credentials: ChannelCredentials, options?: Partial<ClientOptions>): CertificateClient {
  const constructor = makeClientConstructor(CertificateService, 'CertificateService');
  return new constructor(address, credentials, options) as unknown as CertificateClient;
}
