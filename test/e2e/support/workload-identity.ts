import { webcrypto } from 'node:crypto';
import { connect as connectPlain } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { CertificateAuthority } from '../../../runtime/control-plane/identity/certificate-authority';
import { SIGNING, x509 } from '../../../runtime/control-plane/identity/x509';

/** A key of its own, and a certificate for it, as a workload of that SPIFFE ID has them. */
export async function certificateOf(authority: CertificateAuthority, identity: string): Promise<ConnectionOptions> {
  const keys = await webcrypto.subtle.generateKey(SIGNING, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: SIGNING });
  const { chain } = await authority.issue(request.toString('pem'), { identity, lifetime: 600_000 }, Date.now());
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { ca: authority.trustBundle, cert: chain, key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n` };
}

const REQUEST = 'GET /payments/health HTTP/1.1\r\nhost: payment\r\nconnection: close\r\n\r\n';

/** All that the inbound listener of a payment pod says to whoever comes, until the connection ends. Without options it is asked in plain text. */
export async function inboundAnswer(host: string, options?: ConnectionOptions): Promise<string> {
  return new Promise((done) => {
    let text = '';
    const socket = options ? connectTls({ host, port: 15006, servername: 'payment.shop.svc.cluster.local', checkServerIdentity: () => undefined, ...options })
      : connectPlain({ host, port: 15006 });
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => { text += chunk; });
    socket.on('error', (error: NodeJS.ErrnoException) => { text ||= error.code ?? error.message; });
    socket.on('close', () => done(text));
    socket.write(REQUEST);
  });
}
