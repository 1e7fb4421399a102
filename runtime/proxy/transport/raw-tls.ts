import type { SecureContext } from 'node:tls';
import { endFaulty } from './fault';
import type { Address, Handle } from './raw-binding';
import type { RawTlsHost, TlsHandle } from './raw-tls-binding';
import { afterWrite, nothing, onError, onHandshakeDone, onRead, type TlsOwner } from './raw-tls-events';
import type { ClientTls, ServerTls, TlsError, TlsFailure, TlsSession, TlsSettings } from './tls';
import { READ_OFFSET, type CloseReason, type ConnectionHandler, type SecuredConnection } from './types';
import { SLOT_BYTES, type BatchedWriter, type Slot } from './write-batch';

/** Bytes that are copied to have a view of them: above this the view is cheaper made. */
const COPIED = 4 * 1024;

const native = (context: SecureContext): unknown => context.context;

/**
 * TLS on a TCP handle, driven directly. The runtime's TLS copies what it is given and takes one write at a time, which is done at the end of the
 * event at the earliest: what is written meanwhile waits here and goes out together. It decrypts all of one read, so records may come after
 * `readStop`: they are held.
 */
export class RawTlsConnection implements SecuredConnection, TlsOwner, BatchedWriter {
  closed = false;
  slot: Slot | undefined;
  tls: TlsSession | undefined;
  failure: TlsFailure | undefined;
  private readonly handle: TlsHandle;
  private established = false;
  /** The runtime has not done with a write. */
  private writing = false;
  /** Within a call to write, in which the runtime may already say what became of it, or of the connection: nobody hears that from within. */
  private putting = false;
  private putStatus: number | undefined;
  private queue: Uint8Array[] = [];
  private queued = 0;
  /** A write returned false and `onDrain` is owed. */
  private waiting = false;
  private ending = false;
  private shutDown = false;
  private reading = true;
  private onHold = false;
  private held: Buffer[] | undefined;
  private endHeld = false;
  private heardEnd = false;
  /** Bytes of the layer above have come: the peer has accepted the handshake. */
  private received = false;
  private peer: Partial<Address> | undefined;

  constructor(
    private readonly host: RawTlsHost, private readonly tcp: Handle, private readonly settings: TlsSettings, public handler: ConnectionHandler,
    private readonly isServer: boolean,
  ) {
    const handle = host.tls.wrap(tcp, native(settings.context), isServer, false);
    this.handle = handle;
    // The runtime keeps the TCP handle alive, and that this.
    tcp.owner = handle.owner = this;
    handle.onread = onRead;
    handle.onhandshakestart = nothing;
    handle.onhandshakedone = onHandshakeDone;
    handle.onerror = onError;
    handle.useUserBuffer(host.readView);
    if (settings.alpn !== undefined) handle.setALPNProtocols(settings.alpn);
  }

  startServer({ clientCertificate, contextOf }: ServerTls): void {
    const { handle } = this;
    if (clientCertificate !== 'none') handle.setVerifyMode(true, clientCertificate === 'required');
    if (contextOf !== undefined) {
      handle.oncertcb = ({ servername }) => {
        handle.sni_context = native(contextOf(servername || undefined));
        handle.certCbDone();
      };
      handle.enableCertCb();
    }
    // An error that says that it reads already is none.
    handle.readStart();
  }

  receive(first: Uint8Array): void {
    if (!this.closed) this.handle.receive(first);
  }

  protected startClient({ serverName, session, onSession }: ClientTls): void {
    const { handle } = this;
    this.tcp.setNoDelay(true);
    if (serverName !== undefined) handle.setServername(serverName);
    if (onSession !== undefined) {
      handle.onnewsession = (_id, made) => onSession(made);
      handle.enableSessionCallbacks();
    }
    if (session !== undefined) handle.setSession(session);
    handle.start();
    if (!this.closed && handle.readStart() !== 0) this.failLater();
  }

  /** The handshake is done. */
  agreed(): void {
    if (this.closed || this.established) return;
    const { handle } = this;
    const session: TlsSession = {
      version: handle.getProtocol() ?? '',
      cipher: handle.getCipher()?.standardName ?? '',
      alpn: handle.getALPNNegotiatedProtocol() || undefined,
      serverName: handle.getServername() || undefined,
      reused: handle.isSessionReused(),
      certificate: handle.getPeerX509Certificate()?.raw(),
      chainError: handle.verifyError()?.code,
      peer: undefined,
    };
    this.tls = session;
    this.failure = this.settings.judge(session);
    if (this.failure !== undefined) {
      this.fail('connect_failed');
      return;
    }
    this.established = true;
    this.handler.onConnect();
  }

  /** An alert came, or what came is no TLS. */
  broken(error: TlsError): void {
    if (this.putting) process.nextTick(() => this.broken(error));
    if (this.putting || this.closed) return;
    const failure = this.settings.explain(error, this.established);
    this.failure = failure;
    // In TLS 1.3 this side is done before the peer has judged its certificate. What was sent meanwhile was never looked at.
    const refused = failure.kind === 'refused' && !this.received;
    this.fail(this.established && !refused ? 'reset' : 'connect_failed');
  }

  get pendingBytes(): number {
    return this.closed ? 0 : this.tcp.writeQueueSize + this.queued + (this.slot === undefined ? 0 : this.slot.used);
  }

  get peerAddress(): string {
    return this.resolvePeer().address ?? '';
  }

  get peerPort(): number {
    return this.resolvePeer().port ?? 0;
  }

  private resolvePeer(): Partial<Address> {
    if (this.peer === undefined) {
      this.peer = {};
      if (!this.closed) this.tcp.getpeername(this.peer);
    }
    return this.peer;
  }

  read(): void {
    if (this.closed) return;
    const { streamBaseState, kReadBytesOrError, endOfFile } = this.host.binding;
    const length = streamBaseState[kReadBytesOrError];
    if (length > 0) {
      this.received = true;
      if (this.reading && this.held === undefined) this.handler.onData(length);
      else (this.held ??= []).push(Buffer.from(this.host.input.subarray(READ_OFFSET, READ_OFFSET + length)));
    } else if (length === endOfFile) {
      this.peerEnded();
    } else if (length < 0) {
      this.lost();
    }
  }

  private peerEnded(): void {
    this.heardEnd = true;
    if (!this.established) {
      this.lost();
      return;
    }
    this.wonder();
    if (this.reading && this.held === undefined) this.handler.onEnd();
    else this.endHeld = true;
  }

  /** A server that says nothing after the handshake may not have liked the certificate. */
  private wonder(): void {
    if (!this.isServer && !this.received) this.failure ??= this.settings.explain(undefined, true);
  }

  /** The connection broke. */
  private lost(): void {
    if (this.established) this.wonder();
    else this.failure = this.settings.explain(undefined, false);
    this.fail(this.established ? 'reset' : 'connect_failed');
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.writing || this.closed || end - start > COPIED) return this.send(bytes.subarray(start, end), false);
    this.host.output.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), 0);
    return this.flush(end - start);
  }

  writeStable(bytes: Buffer, end: number): boolean {
    return this.send(new Uint8Array(bytes.buffer, bytes.byteOffset, end), true);
  }

  flush(end: number): boolean {
    return this.send(this.host.view(end), false);
  }

  private send(bytes: Uint8Array, stable: boolean): boolean {
    if (this.closed) return true;
    if (bytes.length === 0) return !this.waiting;
    if (this.waits(bytes)) return true;
    this.commit();
    return this.sendNow(bytes, stable);
  }

  /** As of a connection without TLS: whether short bytes are encrypted and go out with all others of this round. */
  private waits(bytes: Uint8Array): boolean {
    if (bytes.length > SLOT_BYTES || this.writing || !this.established) return false;
    if (this.slot !== undefined) {
      if (this.slot.append(bytes, 0, bytes.length)) return true;
      this.commit();
      if (this.writing) return false;
    }
    this.slot = this.host.batch.take(this);
    return this.slot !== undefined && this.slot.append(bytes, 0, bytes.length);
  }

  commit(): void {
    const { slot } = this;
    if (slot === undefined) return;
    this.slot = slot.owner = undefined;
    this.sendNow(slot.view(), false);
  }

  private sendNow(bytes: Uint8Array, stable: boolean): boolean {
    if (!this.writing) return this.put(bytes);
    this.queue.push(stable ? bytes : Buffer.from(bytes));
    this.queued += bytes.length;
    this.waiting = true;
    return false;
  }

  private put(bytes: Uint8Array): boolean {
    const { binding } = this.host;
    const request = new binding.WriteWrap();
    request.connection = this;
    request.oncomplete = afterWrite;
    this.putting = true;
    this.putStatus = undefined;
    const error = this.handle.writeBuffer(request, bytes);
    this.putting = false;
    if (error !== 0 || (this.putStatus ?? 0) !== 0) {
      this.failLater();
      return true;
    }
    this.writing = this.putStatus === undefined && binding.streamBaseState[binding.kLastWriteWasAsync] !== 0;
    if (this.tcp.writeQueueSize === 0) return true;
    this.waiting = true;
    return false;
  }

  written(status: number): void {
    if (this.putting) {
      this.putStatus = status;
      return;
    }
    this.writing = false;
    if (this.closed) {
      if (this.ending) this.sayGoodbye();
      return;
    }
    if (status !== 0) {
      this.lost();
      return;
    }
    if (this.queued > 0) {
      const bytes = this.queue.length === 1 ? this.queue[0] : Buffer.concat(this.queue, this.queued);
      this.queue = [];
      this.queued = 0;
      if (!this.put(bytes)) return;
    }
    if (this.writing && (this.ending || this.shutDown)) return;
    if (this.ending) {
      this.close();
      return;
    }
    if (this.shutDown) this.sendShutdown(nothing);
    if (!this.waiting) return;
    this.waiting = false;
    this.handler.onDrain();
  }

  readStop(): void {
    if (this.closed || !this.reading) return;
    this.reading = false;
    if (this.established && !this.onHold) this.handle.readStop();
  }

  /** Not within the handshake, which ends by itself. */
  hold(on: boolean): void {
    if (this.closed || this.onHold === on || !this.established) return;
    this.onHold = on;
    if (!this.reading) return;
    if (on) this.handle.readStop();
    else if (this.handle.readStart() !== 0) this.failLater();
  }

  faulted(error: unknown): void {
    endFaulty(this, error, this.host.onFault);
  }

  readStart(): void {
    if (this.closed || this.reading) return;
    this.reading = true;
    if (!this.onHold && this.handle.readStart() !== 0) this.failLater();
    if (this.held !== undefined || this.endHeld) process.nextTick(() => this.deliverHeld());
  }

  private deliverHeld(): void {
    const { held } = this;
    while (held !== undefined && held.length > 0) {
      if (!this.reading || this.closed) return;
      const bytes = held.shift()!;
      bytes.copy(this.host.input, READ_OFFSET);
      this.handler.onData(bytes.length);
    }
    if (!this.reading || this.closed) return;
    this.held = undefined;
    if (!this.endHeld) return;
    this.endHeld = false;
    this.handler.onEnd();
  }

  shutdown(): void {
    if (this.closed || this.shutDown) return;
    this.commit();
    this.shutDown = true;
    if (!this.writing) this.sendShutdown(nothing);
  }

  private sendShutdown(done: () => void): void {
    const request = new this.host.binding.ShutdownWrap();
    request.oncomplete = done;
    if (this.handle.shutdown(request) !== 0) process.nextTick(done);
  }

  end(): void {
    if (this.closed) return;
    this.commit();
    if (this.writing || this.queued > 0) this.ending = true;
    else this.close();
  }

  /** What was encrypted goes out, and then the word that it was all (RFC 8446 §6.1): without it an answer that ends by closing seems cut off. */
  close(): void {
    if (this.closed) return;
    this.commit();
    this.release();
    this.ending = this.established && !this.heardEnd && !this.shutDown && this.tcp.writeQueueSize === 0;
    if (!this.ending) this.destroy();
    else if (!this.writing) this.sayGoodbye();
  }

  private sayGoodbye(): void {
    this.ending = false;
    this.handle.readStop();
    this.sendShutdown(() => this.destroy());
  }

  reset(): void {
    if (this.closed) return;
    this.commit();
    this.release();
    if (this.tcp.reset(this.free) !== 0) this.destroy();
  }

  private release(): void {
    this.closed = true;
    if (this.slot !== undefined) this.slot = this.slot.owner = undefined;
    this.queue = [];
    this.queued = 0;
    this.held = undefined;
  }

  /** Not before the handle is closed: this may run within a callback of the library. */
  private readonly free = (): void => {
    this.tcp.owner = this.handle.owner = undefined;
    this.handle.destroySSL();
  };

  private destroy(): void {
    this.tcp.close(this.free);
  }

  private failLater(): void {
    process.nextTick(() => this.lost());
  }

  protected fail(reason: CloseReason): void {
    if (this.closed) return;
    this.resolvePeer();
    this.release();
    this.destroy();
    this.handler.onClosed(reason);
  }
}
