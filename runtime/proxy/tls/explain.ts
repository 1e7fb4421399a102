import type { NameMatchConfig } from '../config/tls-types';
import type { PeerIdentity, TlsError, TlsFailure } from '../transport/tls';
import { nameOf } from './identity';
import { showNames } from './names';

/** What this side is and asks for, as errors say it. */
export interface Side {
  readonly role: 'server' | 'client';
  /** Names of this side's certificate; undefined: it has none. */
  readonly own: string | undefined;
  readonly expected: readonly NameMatchConfig[];
  /** `TLSv1.2 to TLSv1.3`. */
  readonly versions: string;
  readonly alpn: readonly string[];
}

const iso = (time: number): string => new Date(time).toISOString();

const peerOf = ({ role }: Side): string => (role === 'server' ? 'client' : 'server');

function expectation(side: Side): string {
  return side.expected.length === 0 ? '' : `; expected ${showNames(side.expected)}`;
}

/** A peer by its certificate: who it says it is, and who says so. */
function found(peer: PeerIdentity): string {
  const others = [...peer.uris, ...peer.dnsNames, ...peer.ipAddresses, ...peer.emails].filter((name) => name !== nameOf(peer)).slice(0, 4);
  const also = others.length === 0 ? '' : ` (also ${others.join(', ')})`;
  return `found ${nameOf(peer)}${also}, serial ${peer.serial}, issued by ${peer.issuer || 'a nameless authority'}`;
}

export function noCertificate(side: Side): TlsFailure {
  return { kind: 'no_certificate', text: `the ${peerOf(side)} has no certificate${expectation(side)}` };
}

export function wrongName(side: Side, peer: PeerIdentity): TlsFailure {
  return { kind: 'san', text: `the ${peerOf(side)} is somebody else${expectation(side)}; ${found(peer)}` };
}

export function wrongFingerprint(side: Side, peer: PeerIdentity): TlsFailure {
  return { kind: 'san', text: `the ${peerOf(side)}'s certificate is not one of those that are pinned: SHA-256 ${peer.fingerprint}${expectation(side)}; ${found(peer)}` };
}

export function expired(side: Side, peer: PeerIdentity): TlsFailure {
  return chainFailure(side, peer, 'CERT_HAS_EXPIRED', Infinity);
}

/** Why a chain is not trusted, by OpenSSL's code (X509_V_ERR_…). */
export function chainFailure(side: Side, peer: PeerIdentity, code: string, now: number): TlsFailure {
  const fail = (reason: string): TlsFailure => ({ kind: 'certificate', text: `the ${peerOf(side)}'s certificate ${reason}${expectation(side)}; ${found(peer)}` });
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return fail(now > peer.notAfter ? `expired at ${iso(peer.notAfter)}` : 'is valid, but an authority of its chain has expired');
    case 'CERT_NOT_YET_VALID':
      return fail(now < peer.notBefore ? `is not valid before ${iso(peer.notBefore)}` : 'is valid, but an authority of its chain is not yet');
    case 'CERT_REVOKED':
      return fail(`or an authority of its chain is revoked: serial ${peer.serial} is on the list of ${peer.issuer}, or its issuer on another`);
    case 'UNABLE_TO_GET_CRL':
      return fail('cannot be checked for revocation: the crl has no list of an authority of its chain');
    case 'CRL_HAS_EXPIRED':
      return fail('cannot be checked for revocation: the list of an authority of its chain is out of date');
    case 'CRL_NOT_YET_VALID':
      return fail('cannot be checked for revocation: the list of an authority of its chain is of the future');
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return fail('is signed by itself, by no authority that is trusted');
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return fail(`comes from an authority that is not trusted: ${peer.issuer || 'nameless'}`);
    case 'INVALID_PURPOSE':
      return fail(`is not for a ${peerOf(side)}: its extended key usage says so`);
    default:
      return fail(`is not trusted (${code})`);
  }
}

/** Alerts (RFC 8446 §6.2) by which a peer refuses this side's certificate. */
const REFUSALS: ReadonlyArray<readonly [pattern: RegExp, words: string]> = [
  [/ALERT_BAD_CERTIFICATE/, 'does not accept'],
  [/ALERT_UNSUPPORTED_CERTIFICATE/, 'does not support'],
  [/ALERT_CERTIFICATE_REVOKED/, 'takes for revoked'],
  [/ALERT_CERTIFICATE_EXPIRED/, 'takes for expired'],
  [/ALERT_CERTIFICATE_UNKNOWN/, 'does not accept'],
  [/ALERT_UNKNOWN_CA/, 'does not trust the authority of'],
  [/ALERT_ACCESS_DENIED/, 'gives no access to'],
  [/ALERT_CERTIFICATE_REQUIRED/, 'wants'],
];

/** What the two sides did not agree on. `{…}` is filled in. */
const DISAGREEMENTS: ReadonlyArray<readonly [pattern: RegExp, words: string]> = [
  [/ALERT_PROTOCOL_VERSION/, 'the {peer} speaks no version of TLS that this side does: {versions}'],
  [/UNSUPPORTED_PROTOCOL|WRONG_SSL_VERSION|VERSION_TOO_LOW/, 'the {peer} speaks no version of TLS that this side does: {versions}'],
  [/HTTP_REQUEST|HTTPS_PROXY_REQUEST/, 'the {peer} speaks plain HTTP, not TLS'],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNEXPECTED_MESSAGE|RECORD_TOO_SMALL/, 'what the {peer} sent is no TLS; it may speak in plain text'],
  [/NO_SHARED_CIPHER|NO_SUITABLE_SIGNATURE_ALGORITHM|NO_SUITABLE_KEY_SHARE|NO_SHARED_GROUP/, 'the {peer} and this side have no cipher, curve or signature algorithm in common'],
  [/NO_APPLICATION_PROTOCOL/, 'the two have no application protocol (ALPN) in common; this side has {alpn}'],
  [/UNRECOGNIZED_NAME/, 'the {peer} does not know the server name (SNI)'],
  [/ALERT_HANDSHAKE_FAILURE/, 'the {peer} broke the handshake off: no cipher, curve or certificate that suits both, or it asked for a certificate; this side has {own}'],
  [/BAD_RECORD_MAC|DECRYPTION_FAILED|BAD_DECRYPT/, 'a record could not be decrypted: something on the way changed it'],
];

/** @param done this side's part of the handshake was done; the peer may still have refused this side's certificate. */
export function explain(side: Side, error: TlsError | undefined, done: boolean): TlsFailure {
  const peer = peerOf(side);
  const own = side.own === undefined ? 'none' : side.own;
  if (error === undefined) {
    return done
      ? { kind: 'closed', text: `the ${peer} closed the connection after the handshake, before it sent anything: it may have refused this side's certificate, ${own}` }
      : { kind: 'closed', text: `the ${peer} closed the connection during the handshake${expectation(side)}` };
  }
  const code = error.code ?? error.reason ?? error.message;
  const name = code.replaceAll(' ', '_').toUpperCase();
  const refusal = REFUSALS.find(([pattern]) => pattern.test(name));
  if (refusal) return { kind: 'refused', text: `the ${peer} ${refusal[1]} this side's certificate: this side is ${own} (${code})` };
  if (/PEER_DID_NOT_RETURN_A_CERTIFICATE/.test(name)) return noCertificate(side);
  const words = DISAGREEMENTS.find(([pattern]) => pattern.test(name))?.[1] ?? 'the TLS library reports an error';
  const text = words.replaceAll('{peer}', peer).replace('{versions}', side.versions).replace('{own}', own).replace('{alpn}', side.alpn.join(', ') || 'none');
  return { kind: 'protocol', text: `${text}${expectation(side)} (${code})` };
}
