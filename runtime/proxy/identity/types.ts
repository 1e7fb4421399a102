/** A key that never leaves the process, and the request by which its certificate is asked for. */
export interface CertificateRequest {
  /** PKCS #8, PEM. */
  readonly privateKey: string;
  /** PKCS #10, DER. */
  readonly request: Uint8Array;
}

/** What an authority gave. */
export interface Issued {
  /** PEM: the leaf, then what is between it and a root. */
  readonly certificateChain: string;
  /** PEM: the roots that are trusted. */
  readonly trustBundle: string;
}

/** The workload's X.509-SVID, as it is now. */
export interface Svid extends Issued {
  readonly privateKey: string;
  /** SPIFFE ID. */
  readonly identity: string;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Asks an authority. @throws Error with a reason that can be logged. */
export type IssueCertificate = (request: Uint8Array) => Promise<Issued>;
