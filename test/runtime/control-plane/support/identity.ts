import { webcrypto } from 'node:crypto';
import { createRoot } from '../../../../runtime/control-plane/identity/authority-material';
import { CertificateAuthority } from '../../../../runtime/control-plane/identity/certificate-authority';
import { SIGNING, x509 } from '../../../../runtime/control-plane/identity/x509';
import type { Trusting } from '../../../../runtime/control-plane/resolve';
import { SVID } from '../../../../runtime/control-plane/xds/identity';
import type { SecretConfig } from '../../../../runtime/proxy/config/types';
import { TypeUrl } from '../../../../runtime/xds';

/** Types as a proxy asks for them: secrets once something refers to them. */
export const ASKED = [TypeUrl.CDS, TypeUrl.EDS, TypeUrl.LDS, TypeUrl.RDS, TypeUrl.SDS] as const;

export interface TestIdentity {
  readonly trusting: Required<Omit<Trusting, 'issuers'>>;
  /** What a proxy has made itself. */
  readonly svid: SecretConfig;
}

/** An authority, and a certificate of it as a proxy has one. */
export async function testIdentity(identity = 'spiffe://shop.example/ns/shop/sa/order'): Promise<TestIdentity> {
  const now = Date.now();
  const authority = await CertificateAuthority.load(await createRoot('shop.example', now), 'test', now);
  const keys = await webcrypto.subtle.generateKey(SIGNING, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: SIGNING });
  const { chain } = await authority.issue(request.toString('pem'), { identity, lifetime: 3_600_000 }, now);
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`;
  return {
    trusting: { security: 'certificates', trustBundle: authority.trustBundle },
    svid: { kind: 'certificate', name: SVID, certificate: { chain, key } },
  };
}
