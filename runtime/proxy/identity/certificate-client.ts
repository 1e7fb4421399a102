import { readFile } from 'node:fs';
import { promisify } from 'node:util';
import { create, decode, encode, IssueCertificateRequestSchema, IssueCertificateResponseSchema, Method, type IssueCertificateResponse } from '../../xds';
import type { HostPort } from '../config/decode/scalars';
import { GRPC_STATUS_NAMES } from '../grpc/status';
import { controlPlaneTls, GrpcCall, type ControlPlaneTrust, type GrpcClientDeps } from '../grpc-client';
import type { IssueCertificate } from './types';

export interface CertificateClientOptions extends GrpcClientDeps {
  /** Where certificates are asked for. */
  readonly address: HostPort;
  /** File of the token of the pod's service account: read each time, as the kubelet renews it. */
  readonly tokenFile: string;
  readonly trust: () => Promise<ControlPlaneTrust>;
}

/** Milliseconds for an answer. */
const TIMEOUT = 10_000;
/** Bytes of an answer at most: a chain, and the roots of the mesh. */
const MAX_ANSWER = 4 * 1024 * 1024;

/** Asks `meshwright.v1.CertificateService` of the control plane, on a connection that ends with the answer. */
export function certificateClient(options: CertificateClientOptions): IssueCertificate {
  const { clock, address, tokenFile, trust } = options;
  const place = `${address.host}:${address.port}`;
  return async (certificateRequest) => {
    const token = (await promisify(readFile)(tokenFile, 'utf8')).trim();
    return new Promise<IssueCertificateResponse>((resolve, reject) => {
      const late = clock.setTimer(TIMEOUT, () => {
        call.cancel();
        reject(new Error(`no answer from ${place} within ${TIMEOUT} ms`));
      });
      let answer: Buffer | undefined;
      const call = new GrpcCall(options, {
        target: address, path: Method.IssueCertificate, connectTimeout: TIMEOUT, maxMessage: MAX_ANSWER,
        metadata: [['authorization', `Bearer ${token}`]],
        tls: async () => controlPlaneTls(address.host, await trust(), clock),
      }, {
        message: (bytes) => { answer = bytes; },
        ended: (status, text) => {
          late.cancel();
          try {
            if (status !== 0 || answer === undefined) throw new Error(status === 0 ? 'OK, and no answer' : `${GRPC_STATUS_NAMES[status]}: ${text}`);
            resolve(decode(IssueCertificateResponseSchema, answer));
          } catch (error) {
            reject(new Error(`${place}: ${(error as Error).message}`));
          }
        },
      });
      call.send(encode(IssueCertificateRequestSchema, create(IssueCertificateRequestSchema, { certificateRequest })));
      call.endRequest();
    });
  };
}
