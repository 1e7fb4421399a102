import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import type { Clock } from '../../clock';
import { create, IssueCertificateResponseSchema, type IssueCertificateResponse } from '../../xds';
import type { CertificateCall, CertificateHandlers } from '../../xds/certificate-service';
import type { Log } from '../log';
import { CertificateRequestError, type CertificateAuthority } from './certificate-authority';
import type { TokenVerifier, Workload } from './token';

/** What certificates a mesh gives. */
export interface IssuingPolicy {
  /** SPIFFE ID of a workload. */
  identityOf(workload: Workload): string;
  /** Milliseconds that a certificate is valid. */
  readonly lifetime: number;
}

export interface CertificateIssuerOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly tokens: TokenVerifier;
  /** Undefined until there is one. */
  readonly authority: () => CertificateAuthority | undefined;
  readonly policy: IssuingPolicy;
}

/** How many certificates were asked for, and what became of it. */
export class CertificateStats {
  issued = 0;
  refused = 0;
  unavailable = 0;
}

/** Largest request: an RSA key of 16,384 bits with its signature takes 5 kB. */
const LARGEST_REQUEST = 16 * 1024;

/** Serves `meshwright.v1.CertificateService`: whoever has the token of a service account gets a certificate of its identity. */
export class CertificateIssuer {
  readonly stats = new CertificateStats();
  readonly handlers: CertificateHandlers = {
    issueCertificate: (call, callback) => {
      this.issue(call).then((response) => callback(null, response), (error: ServiceError) => callback(error));
    },
  };

  constructor(private readonly options: CertificateIssuerOptions) {}

  private async issue(call: CertificateCall): Promise<IssueCertificateResponse> {
    const { authority, clock, log, policy, tokens } = this.options;
    const signer = authority();
    if (!signer) throw this.unavailable('there is no authority yet');
    const token = bearerToken(call.metadata);
    if (token === undefined) throw this.refuse(status.UNAUTHENTICATED, 'the metadata authorization holds no bearer token');
    const workload = await tokens.verify(token);
    if ('refused' in workload) throw workload.unavailable ? this.unavailable(workload.refused) : this.refuse(status.UNAUTHENTICATED, workload.refused);
    const identity = policy.identityOf(workload);
    const request = call.request.certificateRequest;
    if (request.length > LARGEST_REQUEST) {
      throw this.refuse(status.INVALID_ARGUMENT, `the certificate request is longer than ${LARGEST_REQUEST} bytes`, identity);
    }
    try {
      const { chain, notAfter, serialNumber } = await signer.issue(request, { identity, lifetime: policy.lifetime }, clock.wallTime());
      this.stats.issued++;
      const until = new Date(notAfter).toISOString();
      log.info('identity', 'certificate issued', { identity, pod: workload.pod, peer: call.getPeer(), serialNumber, notAfter: until });
      return create(IssueCertificateResponseSchema, { certificateChain: chain, trustBundle: signer.trustBundle });
    } catch (error) {
      if (!(error instanceof CertificateRequestError)) throw error;
      throw this.refuse(status.INVALID_ARGUMENT, error.message, identity);
    }
  }

  private refuse(code: status, details: string, identity?: string): ServiceError {
    this.stats.refused++;
    this.options.log.warning('identity', 'certificate refused', { identity, reason: details });
    return grpcError(code, details);
  }

  private unavailable(details: string): ServiceError {
    this.stats.unavailable++;
    this.options.log.warning('identity', 'certificate cannot be issued now', { reason: details });
    return grpcError(status.UNAVAILABLE, details);
  }
}

function bearerToken(metadata: Metadata): string | undefined {
  const [value] = metadata.get('authorization');
  return typeof value === 'string' ? /^Bearer ([\w.~+/=-]+)$/i.exec(value)?.[1] : undefined;
}

function grpcError(code: status, details: string): ServiceError {
  return Object.assign(new Error(details), { code, details, metadata: new Metadata() });
}
