import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension, ExtendedKeyUsage, ExtendedKeyUsageExtension, KeyUsageFlags, KeyUsagesExtension,
  SubjectAlternativeNameExtension, X509CertificateGenerator, X509CrlGenerator, X509CrlReason, type JsonGeneralNames, type X509Certificate,
} from '@peculiar/x509';


const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY = 86_400_000;

/** A certificate with its key, in PEM as configuration has them. */
export interface Identity {
  /** The leaf, and the intermediates that a peer needs. */
  readonly chain: string;
  readonly key: string;
  readonly serial: string;
  readonly certificate: X509Certificate;
}

export interface IdentityOptions {
  readonly name?: string;
  readonly uris?: readonly string[];
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
  /** Milliseconds from now. */
  readonly notBefore?: number;
  readonly notAfter?: number;
}

let serials = 0x1000;

/** A certificate authority of a test. */
export class Authority {
  private constructor(
    readonly certificate: X509Certificate, private readonly keys: webcrypto.CryptoKeyPair, private readonly above: Authority | undefined,
  ) {}

  static async create(name: string, parent?: Authority): Promise<Authority> {
    const keys = await generate();
    const certificate = await X509CertificateGenerator.create({
      serialNumber: (serials++).toString(16),
      subject: `CN=${name}`,
      issuer: parent?.certificate.subject ?? `CN=${name}`,
      notBefore: new Date(Date.now() - DAY),
      notAfter: new Date(Date.now() + 10 * DAY),
      publicKey: keys.publicKey,
      signingKey: (parent?.keys ?? keys).privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    });
    return new Authority(certificate, keys, parent);
  }

  /** In PEM. */
  get bundle(): string {
    return `${this.certificate.toString('pem')}\n`;
  }

  /** What signs with it, as cert-manager writes it: the key, and the certificates from its own to the one below the root. */
  async signing(): Promise<{ readonly chain: string; readonly key: string }> {
    return { chain: this.intermediates().map((item) => `${item.toString('pem')}\n`).join(''), key: await pem(this.keys.privateKey) };
  }

  async issue(options: IdentityOptions): Promise<Identity> {
    const keys = await generate();
    const names: JsonGeneralNames = [
      ...(options.uris ?? []).map((value) => ({ type: 'url' as const, value })),
      ...(options.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
      ...(options.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
    ];
    const serial = (serials++).toString(16).padStart(4, '0');
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serial,
      subject: options.name === undefined ? '' : `CN=${options.name}`,
      issuer: this.certificate.subject,
      notBefore: new Date(Date.now() + (options.notBefore ?? -DAY)),
      notAfter: new Date(Date.now() + (options.notAfter ?? DAY)),
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names, options.name === undefined)] : []),
      ],
    });
    const chain = [certificate, ...this.intermediates()].map((item) => `${item.toString('pem')}\n`).join('');
    return { chain, key: await pem(keys.privateKey), serial: serial.toUpperCase(), certificate };
  }

  /** A list of what this authority has revoked, in PEM. */
  async revoke(...identities: readonly Identity[]): Promise<string> {
    const list = await X509CrlGenerator.create({
      issuer: this.certificate.subject,
      thisUpdate: new Date(Date.now() - DAY),
      nextUpdate: new Date(Date.now() + DAY),
      entries: identities.map(({ certificate }) => ({
        serialNumber: certificate.serialNumber, revocationDate: new Date(Date.now() - 1000), reason: X509CrlReason.keyCompromise,
      })),
      signingKey: this.keys.privateKey,
      signingAlgorithm: ALGORITHM,
    });
    return `${list.toString('pem').replace(/(BEGIN|END) CRL/g, '$1 X509 CRL')}\n`;
  }

  private intermediates(): X509Certificate[] {
    return this.above === undefined ? [] : [this.certificate, ...this.above.intermediates()];
  }
}

async function generate(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

async function pem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
}
