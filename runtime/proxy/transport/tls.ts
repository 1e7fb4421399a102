import type { SecureContext } from 'node:tls';

/**
 * What a transport needs to speak TLS, compiled from configuration by `tls/`: a transport knows handshakes, not what is expected of a peer. One
 * object serves many connections.
 */
export interface TlsSettings {
  readonly context: SecureContext;
  /** Protocols to offer or to choose from, in order, in the form of the wire (RFC 7301 §3.1); undefined: the extension is left out. */
  readonly alpn: Buffer | undefined;
  /** Judges a finished handshake, and puts into `session.peer` who was found. What is returned ends the connection. */
  judge(session: TlsSession): TlsFailure | undefined;
  /**
   * Puts an error of the TLS library into words; undefined: the peer ended the connection without a word. `done`: this side's part of the
   * handshake was done; the peer may still have refused this side's certificate.
   */
  explain(error: TlsError | undefined, done: boolean): TlsFailure;
}

export interface ServerTls extends TlsSettings {
  /** Ask for a certificate; the handshake goes on without one, and `judge` decides, unless `required`. */
  readonly clientCertificate: 'none' | 'asked' | 'required';
  /** The certificate for a server name; undefined: there is one only, that of `context`. */
  readonly contextOf: ((serverName: string | undefined) => SecureContext) | undefined;
}

export interface ClientTls extends TlsSettings {
  /** Sent as SNI; a name, never an address (RFC 6066 §3). */
  readonly serverName: string | undefined;
  /** Resumed if the server still knows it. */
  readonly session: Buffer | undefined;
  /** The server gave a session to resume; undefined: nobody keeps them. */
  readonly onSession: ((session: Buffer) => void) | undefined;
}

/** What both sides agreed on. */
export interface TlsSession {
  /** `TLSv1.2`, `TLSv1.3`. */
  readonly version: string;
  /** By its name in the IANA registry: `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string;
  readonly alpn: string | undefined;
  /** What the client asked for by SNI. */
  readonly serverName: string | undefined;
  readonly reused: boolean;
  /** The peer's own certificate in DER. A client finds none here where the session is resumed, and fills in what it remembers. */
  certificate: Buffer | undefined;
  /** Code of the X.509 error of the peer's chain; undefined: the chain is trusted. Means nothing where there is no certificate. */
  readonly chainError: string | undefined;
  peer: PeerIdentity | undefined;
}

/** Who a peer is by its certificate. */
export interface PeerIdentity {
  /** As in RFC 2253, `CN=payment,O=shop`. */
  readonly subject: string;
  readonly issuer: string;
  /** Upper case hexadecimal. */
  readonly serial: string;
  /** SHA-256 of the certificate in lower case hexadecimal. */
  readonly fingerprint: string;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emails: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface TlsError {
  readonly code?: string;
  readonly reason?: string;
  readonly message: string;
}

/**
 * Why there is no TLS connection, by what operators tell apart: the peer has no certificate, one that is not trusted, or that of somebody else; it
 * refused this side's; the two did not agree; it went away. `text` may name identities: it is for logs, never for a peer.
 */
export interface TlsFailure {
  readonly kind: 'no_certificate' | 'certificate' | 'san' | 'refused' | 'protocol' | 'closed';
  readonly text: string;
}
