import {
  makeClientConstructor, type ChannelCredentials, type Client, type ClientOptions, type Metadata, type sendUnaryData, type ServerUnaryCall,
  type ServiceDefinition, type ServiceError, type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { asBuffer } from './buffer';
import { decode, encode } from './codec';
import {
  IssueCertificateRequestSchema, IssueCertificateResponseSchema, type IssueCertificateRequest, type IssueCertificateResponse,
} from './types';

const issueCertificate = {
  path: '/meshwright.v1.CertificateService/IssueCertificate',
  requestStream: false,
  responseStream: false,
  requestSerialize: (request: IssueCertificateRequest): Buffer => asBuffer(encode(IssueCertificateRequestSchema, request)),
  requestDeserialize: (bytes: Buffer): IssueCertificateRequest => decode(IssueCertificateRequestSchema, bytes),
  responseSerialize: (response: IssueCertificateResponse): Buffer => asBuffer(encode(IssueCertificateResponseSchema, response)),
  responseDeserialize: (bytes: Buffer): IssueCertificateResponse => decode(IssueCertificateResponseSchema, bytes),
  originalName: 'issueCertificate',
} as const;

/** `meshwright.v1.CertificateService`, for `Server.addService`. */
export const CertificateService = { issueCertificate } satisfies ServiceDefinition<UntypedServiceImplementation>;

/** What `Server.addService(CertificateService, …)` takes. */
export interface CertificateHandlers extends UntypedServiceImplementation {
  issueCertificate(call: CertificateCall, callback: sendUnaryData<IssueCertificateResponse>): void;
}

export type CertificateCall = ServerUnaryCall<IssueCertificateRequest, IssueCertificateResponse>;

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
