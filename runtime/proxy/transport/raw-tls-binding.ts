import type { OnFault } from './fault';
import type { Binding, Handle } from './raw-binding';
import type { TlsError } from './tls';
import type { WriteBatch } from './write-batch';

/** The runtime's TLS over one of its handles: what `node:tls` stands on. */
export interface TlsHandle extends Handle {
  onhandshakestart: () => void;
  onhandshakedone: () => void;
  oncertcb: ((info: { servername: string | undefined }) => void) | undefined;
  onnewsession: ((id: Buffer, session: Buffer) => void) | undefined;
  onerror: (error: TlsError) => void;
  /** Read by `certCbDone`. */
  sni_context: unknown;
  start(): void;
  receive(bytes: Uint8Array): void;
  setVerifyMode(request: boolean, require: boolean): void;
  setALPNProtocols(wire: Buffer): void;
  enableCertCb(): void;
  certCbDone(): void;
  enableSessionCallbacks(): void;
  setServername(name: string): void;
  setSession(session: Buffer): void;
  getProtocol(): string | null;
  getCipher(): { readonly standardName: string } | undefined;
  getALPNNegotiatedProtocol(): string | false | undefined;
  getServername(): string | false | undefined;
  isSessionReused(): boolean;
  verifyError(): { readonly code: string } | null | undefined;
  getPeerX509Certificate(): { raw(): Buffer } | undefined;
  destroySSL(): void;
}

export interface TlsBinding {
  wrap(handle: Handle, context: unknown, isServer: boolean, writesPending: boolean): TlsHandle;
}

/** Throws where the runtime lacks it. */
export function loadTlsBinding(): TlsBinding {
  const { binding } = process as unknown as { binding(name: string): TlsBinding };
  return binding.call(process, 'tls_wrap');
}

/** What a TLS connection needs of its transport. */
export interface RawTlsHost {
  readonly binding: Binding;
  readonly tls: TlsBinding;
  readonly input: Buffer;
  readonly output: Buffer;
  readonly readView: Uint8Array;
  readonly onFault: OnFault;
  readonly batch: WriteBatch;
  /** [0, end) of the output. */
  view(end: number): Uint8Array;
}
