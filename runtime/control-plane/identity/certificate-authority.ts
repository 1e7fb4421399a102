import { webcrypto } from 'node:crypto';
import type { AuthorityMaterial } from './authority-material';
import { CLOCK_SKEW, newSerial } from './authority-material';
import { importSigningKey, parseCertificates, SIGNING, toPem, x509 } from './x509';

/** Somebody asked for a certificate that cannot be given; the text says why, and goes back to them. */
export class CertificateRequestError extends Error {
  override readonly name = 'CertificateRequestError';
}

export interface IssuedCertificate {
  /** PEM: the leaf, and the intermediates below the root. */
  readonly chain: string;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
  readonly serialNumber: string;
}

export interface IssueOptions {
  /** SPIFFE ID: the one URI of the certificate. */
  readonly identity: string;
  /** Milliseconds that it is valid from now on; the issuer's own end comes first. */
  readonly lifetime: number;
  /** Names that others connect by. @default none: a workload is known by its identity alone */
  readonly dnsNames?: readonly string[];
}

/** Signs X.509-SVIDs (SPIFFE X509-SVID): leaves whose one name is a SPIFFE ID. It holds a key and nothing else, so any replica may be one. */
export class CertificateAuthority {
  private constructor(
    private readonly chain: readonly x509.X509Certificate[],
    private readonly key: webcrypto.CryptoKey,
    /** PEM of the roots that everybody trusts. */
    readonly trustBundle: string,
    private readonly sendsUp: string,
  ) {}

  /**
   * @param what names the material in errors, such as `Secret mesh/meshwright-ca`
   * @throws Error where the chain, the key and the bundle do not fit, or nobody would take what they sign
   */
  static async load(material: AuthorityMaterial, what: string, now: number): Promise<CertificateAuthority> {
    const chain = parseCertificates(material.certificateChain, `${what}, tls.crt`);
    const key = await importSigningKey(material.privateKey, `${what}, tls.key`);
    const roots = parseCertificates(material.trustBundle, `${what}, ca.crt`);
    const [signer] = chain;
    await checkKey(signer, key, what);
    checkSigner(signer, what, now);
    await checkAnchor(chain, roots, what, now);
    const below = chain.filter((certificate) => !roots.some((root) => root.equal(certificate)));
    return new CertificateAuthority(chain, key, toPem(roots), toPem(below));
  }

  /** Milliseconds since 1970 after which nothing that it signs is valid. */
  get notAfter(): number {
    return Math.min(...this.chain.map((certificate) => certificate.notAfter.getTime()));
  }

  /** SHA-256 of the certificate that signs, for logs and metrics. */
  async fingerprint(): Promise<string> {
    return Buffer.from(await this.chain[0].getThumbprint('SHA-256')).toString('hex');
  }

  /**
   * Signs what a workload asks for. Nothing of the request but its key is taken over: who it is, is what it proved otherwise.
   * @param request PKCS #10, PEM or DER
   * @throws CertificateRequestError
   */
  async issue(request: string | Uint8Array, options: IssueOptions, now: number): Promise<IssuedCertificate> {
    const publicKey = await this.keyOf(request);
    return this.sign(publicKey, options, now);
  }

  private async keyOf(request: string | Uint8Array): Promise<x509.PublicKey> {
    let parsed: x509.Pkcs10CertificateRequest;
    try {
      parsed = new x509.Pkcs10CertificateRequest(typeof request === 'string' ? request : Uint8Array.from(request));
    } catch {
      throw new CertificateRequestError('the certificate request is no PKCS #10 (RFC 2986)');
    }
    const weak = weakness(parsed.publicKey);
    if (weak !== undefined) throw new CertificateRequestError(weak);
    // Whoever asks has the key: nobody gets a certificate for a key of somebody else.
    if (!await parsed.verify().catch(() => false)) throw new CertificateRequestError('the certificate request is not signed by its own key');
    return parsed.publicKey;
  }

  private async sign(publicKey: x509.PublicKey, { identity, lifetime, dnsNames = [] }: IssueOptions, now: number): Promise<IssuedCertificate> {
    const [signer] = this.chain;
    if (this.notAfter <= now) throw new CertificateRequestError(`the authority ended at ${new Date(this.notAfter).toISOString()}: replace its certificate`);
    const notAfter = new Date(Math.min(now + lifetime, this.notAfter));
    const serialNumber = newSerial();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber,
      // An empty subject makes the alternative name critical (RFC 5280 §4.2.1.6).
      subject: new x509.Name([]),
      issuer: signer.subject,
      notBefore: new Date(Math.max(now - CLOCK_SKEW, signer.notBefore.getTime())),
      notAfter,
      signingKey: this.key,
      signingAlgorithm: signatureOf(this.key),
      publicKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        await x509.AuthorityKeyIdentifierExtension.create(signer.publicKey),
        await x509.SubjectKeyIdentifierExtension.create(publicKey),
        new x509.SubjectAlternativeNameExtension([{ type: 'url', value: identity }, ...dnsNames.map((value) => ({ type: 'dns' as const, value }))], true),
      ],
    });
    return { chain: `${certificate.toString('pem')}\n${this.sendsUp}`, notAfter: notAfter.getTime(), serialNumber };
  }
}

function signatureOf(key: webcrypto.CryptoKey): webcrypto.EcdsaParams | webcrypto.Algorithm {
  if (key.algorithm.name !== 'ECDSA') return { name: key.algorithm.name };
  return { name: 'ECDSA', hash: (key.algorithm as webcrypto.EcKeyAlgorithm).namedCurve === 'P-384' ? 'SHA-384' : SIGNING.hash };
}

/** Keys that a certificate is given for: what TLS 1.2 and 1.3 use everywhere, and nothing that can be broken. */
function weakness({ algorithm }: x509.PublicKey): string | undefined {
  const { name } = algorithm;
  if (name === 'ECDSA') {
    const { namedCurve } = algorithm as webcrypto.EcKeyAlgorithm;
    return namedCurve === 'P-256' || namedCurve === 'P-384' ? undefined : `keys on ${namedCurve} get no certificate; make one on P-256`;
  }
  if (name === 'Ed25519') return undefined;
  if (name.startsWith('RSA')) {
    const { modulusLength } = algorithm as webcrypto.RsaHashedKeyAlgorithm;
    return modulusLength >= 2048 ? undefined : `an RSA key of ${modulusLength} bits gets no certificate; make one of 2048, or on P-256`;
  }
  return `a key of kind ${name} gets no certificate; make one on P-256`;
}

async function checkKey(signer: x509.X509Certificate, key: webcrypto.CryptoKey, what: string): Promise<void> {
  const probe = new Uint8Array(32);
  const algorithm = signatureOf(key);
  const { subtle } = webcrypto;
  try {
    const signature = await subtle.sign(algorithm, key, probe);
    const publicKey = await signer.publicKey.export(key.algorithm, ['verify']);
    if (await subtle.verify(algorithm, publicKey, signature, probe)) return;
  } catch {
    // A key of another kind.
  }
  throw new Error(`${what}: tls.key is not the key of the first certificate of tls.crt (${signer.subject})`);
}

function checkSigner(signer: x509.X509Certificate, what: string, now: number): void {
  const constraints = signer.getExtension(x509.BasicConstraintsExtension);
  if (!constraints?.ca) throw new Error(`${what}: ${signer.subject || 'tls.crt'} is no authority (basicConstraints CA:TRUE); issue one with isCA: true`);
  const usages = signer.getExtension(x509.KeyUsagesExtension);
  if (usages && !(usages.usages & x509.KeyUsageFlags.keyCertSign)) throw new Error(`${what}: ${signer.subject} may not sign certificates (keyUsage keyCertSign)`);
  if (signer.notAfter.getTime() <= now) throw new Error(`${what}: ${signer.subject} ended at ${signer.notAfter.toISOString()}`);
}

type Certificates = readonly x509.X509Certificate[];

/** Somebody who trusts only the bundle must be able to follow the chain to one of its roots. */
async function checkAnchor(chain: Certificates, roots: Certificates, what: string, now: number): Promise<void> {
  for (let i = 0; i < chain.length; i++) {
    const certificate = chain[i]!;
    if (roots.some((candidate) => candidate.equal(certificate))) return;
    const signedBy = async (other: x509.X509Certificate) => certificate.verify({ publicKey: other, date: new Date(now) }).catch(() => false);
    for (const candidate of roots) if (candidate.subject === certificate.issuer && await signedBy(candidate)) return;
    const above = chain[i + 1];
    if (above && !await signedBy(above)) {
      throw new Error(`${what}: in tls.crt, certificate ${i + 1} (${certificate.subject}) is not signed by the one after it (${above.subject})`);
    }
  }
  throw new Error(`${what}: no root of ca.crt has signed ${chain.at(-1)!.subject}; put the root of tls.crt into ca.crt`);
}
