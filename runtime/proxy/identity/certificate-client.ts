import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { Metadata, type ServiceError } from '@grpc/grpc-js';
import type { Clock } from '../../clock';
import { create, IssueCertificateRequestSchema, type IssueCertificateResponse } from '../../xds';
import { createCertificateClient } from '../../xds/certificate-service';
import type { HostPort } from '../config/decode/scalars';
import { controlPlaneCredentials, type ControlPlaneTrust } from './control-plane-credentials';
import type { IssueCertificate } from './types';

export interface CertificateClientOptions {
  readonly clock: Clock;
  /** Where certificates are asked for. */
  readonly address: HostPort;
  /** File of the token of the pod's service account: read each time, as the kubelet renews it. */
  readonly tokenFile: string;
  readonly trust: () => Promise<ControlPlaneTrust>;
}

/** Milliseconds for an answer. */
const TIMEOUT = 10_000;

/** Asks `meshwright.v1.CertificateService` of the control plane, on a connection that ends with the answer. */
export function certificateClient({ clock, address: { host, port }, tokenFile, trust }: CertificateClientOptions): IssueCertificate {
  return async (certificateRequest) => {
    const token = (await readFile(tokenFile, 'utf8')).trim();
    const channel = controlPlaneCredentials(await trust());
    const client = createCertificateClient(`${isIPv6(host) ? `[${host}]` : host}:${port}`, channel);
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    let late: { cancel(): void } | undefined;
    try {
      return await new Promise<IssueCertificateResponse>((resolve, reject) => {
        late = clock.setTimer(TIMEOUT, () => reject(new Error(`no answer from ${host}:${port} within ${TIMEOUT} ms`)));
        client.issueCertificate(create(IssueCertificateRequestSchema, { certificateRequest }), metadata, { deadline: Infinity },
          (error: ServiceError | null, response) => (error ? reject(new Error(`${host}:${port}: ${error.details || error.message}`)) : resolve(response!)));
      });
    } finally {
      late?.cancel();
      client.close();
    }
  };
}
