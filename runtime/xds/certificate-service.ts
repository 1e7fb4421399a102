import type { sendUnaryData, ServerUnaryCall, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { asBuffer } from './buffer';
import { decode, encode } from './codec';
import { Method } from './methods';
import {
  IssueCertificateRequestSchema, IssueCertificateResponseSchema, type IssueCertificateRequest, type IssueCertificateResponse,
} from './types';

const issueCertificate = {
  path: Method.IssueCertificate,
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
