import type { ClientTls, ServerTls, TlsSession, TlsSettings } from './tls';

/** Both sides of a self-test of TLS. */
export interface SelfTestTls {
  readonly server: ServerTls;
  readonly client: ClientTls;
}

/** Mutual TLS with a certificate that is made for this and trusted by nobody else: the handshake has to show everything that `judge` is given of one. */
export function selfTestTls(): SelfTestTls {
  const { certificate, key } = selfSigned();
  const { createSecureContext } = process.getBuiltinModule('node:tls');
  const pem = `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64')}\n-----END CERTIFICATE-----\n`;
  const settings: TlsSettings = {
    context: createSecureContext({ cert: pem, key, ca: pem, sessionIdContext: 'self-test' }),
    alpn: Buffer.from('\x04test'),
    judge: (session) => {
      const problem = problemOf(session, certificate);
      return problem === undefined ? undefined : { kind: 'protocol', text: problem };
    },
    explain: (error) => ({ kind: 'protocol', text: error?.message ?? 'the peer went away' }),
  };
  return {
    server: { ...settings, clientCertificate: 'required', contextOf: undefined },
    client: { ...settings, serverName: 'self-test', session: undefined, onSession: () => undefined },
  };
}

function problemOf(session: TlsSession, certificate: Buffer): string | undefined {
  if (session.certificate?.equals(certificate) !== true) return 'the peer\'s certificate is not told';
  if (session.chainError !== undefined) return `a certificate that is trusted is refused: ${session.chainError}`;
  if (session.alpn !== 'test' || session.cipher === '' || session.version === '') return 'what was agreed on is not told';
  return undefined;
}

/** An X.509 certificate (RFC 5280) of nobody, in DER, with its key in PEM. */
function selfSigned(): { certificate: Buffer; key: string } {
  const { generateKeyPairSync, sign } = process.getBuiltinModule('node:crypto');
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = der(0x30, Buffer.from('06082a8648ce3d040302', 'hex'));
  const name = der(0x30, der(0x31, der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from('self-test')))));
  const always = der(0x30, der(0x17, Buffer.from('700101000000Z')), der(0x18, Buffer.from('99991231235959Z')));
  const signed = der(0x30, der(0xa0, Buffer.from('020102', 'hex')), Buffer.from('020101', 'hex'), ecdsaWithSha256, name, always, name,
    publicKey.export({ type: 'spki', format: 'der' }));
  const signature = der(0x03, Buffer.from([0]), sign('sha256', signed, privateKey));
  return { certificate: der(0x30, signed, ecdsaWithSha256, signature), key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
}

/** One value of DER (X.690 §10): tag, length, content. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}
