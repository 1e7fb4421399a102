import type { X509Certificate } from 'node:crypto';
import type { PeerIdentity } from '../transport/tls';

/** Peers are few and come again and again; certificates are renewed. */
const REMEMBERED = 1024;

const known = new Map<string, PeerIdentity>();

/** Who a certificate (DER) is of. Peers that were seen before cost a look. */
export function identityOf(der: Buffer): PeerIdentity {
  const key = der.toString('latin1');
  let identity = known.get(key);
  if (identity !== undefined) return identity;
  identity = readIdentity(der);
  if (known.size >= REMEMBERED) known.delete(known.keys().next().value!);
  known.set(key, identity);
  return identity;
}

/** @param encoded a certificate in DER or PEM. @throws Error for what is none. */
export function readIdentity(encoded: Buffer | string): PeerIdentity {
  const { X509Certificate: Certificate } = process.getBuiltinModule('node:crypto');
  const certificate: X509Certificate = new Certificate(encoded);
  const names = splitNames(certificate.subjectAltName ?? '');
  const of = (type: string): string[] => names.flatMap(([found, value]) => (found === type ? [value] : []));
  return {
    subject: distinguishedName(certificate.subject),
    issuer: distinguishedName(certificate.issuer),
    serial: certificate.serialNumber,
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    uris: of('URI'),
    dnsNames: of('DNS'),
    ipAddresses: of('IP Address'),
    emails: of('email'),
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
  };
}

/**
 * `URI:spiffe://a/b, DNS:c`: what has a comma or a quote in it the runtime writes as a JSON string, so that no name can pass for two
 * (CVE-2021-44532).
 */
function splitNames(text: string): [type: string, value: string][] {
  const names: [string, string][] = [];
  for (const [, type, quoted, plain] of text.matchAll(/(?:^|, )([^:"]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))/g)) {
    names.push([type, quoted === undefined ? plain : JSON.parse(quoted) as string]);
  }
  return names;
}

/** The runtime writes one attribute a line, from the outermost on; RFC 2253 has them the other way round, in one. */
function distinguishedName(lines: string | undefined): string {
  return (lines ?? '').split('\n').filter((line) => line !== '').reverse().join(',');
}

/** The name that tells a peer best: its SPIFFE ID, else the first it has. */
export function nameOf(identity: PeerIdentity): string {
  return identity.uris[0] ?? identity.dnsNames[0] ?? identity.ipAddresses[0] ?? (identity.subject || `serial ${identity.serial}`);
}
