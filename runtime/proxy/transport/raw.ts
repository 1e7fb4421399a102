import { isIPv6, Socket, type SocketConstructorOpts } from 'node:net';
import { endFaulty, throwFault } from './fault';
import { originalDestination, type Destination } from './original-destination';
import { giveBackOutput, takeOutput } from './output';
import { connectPortableTls, securePortable } from './portable-tls';
import { check, loadBinding, type Address, type Binding, type Handle, type HandleOwner, type PendingWrite } from './raw-binding';
import { RawTlsConnection } from './raw-tls';
import { loadTlsBinding, type TlsBinding } from './raw-tls-binding';
import { RawTlsClient } from './raw-tls-client';
import type { ClientTls, ServerTls } from './tls';
import { BULK_SIZE, OUTPUT_SIZE, READ_OFFSET, READ_SIZE, type Acceptor, type CloseReason, type Connection, type ConnectionHandler, type ListenOptions, type SecuredConnection, type Transport } from './types';
import { SLOT_BYTES, WriteBatch, type BatchedWriter, type Slot } from './write-batch';

/** Views kept of the output; a power of two. */
const VIEWS = 256;

/** Throws where the runtime lacks the handles or any call that is needed of them. */
export function createRawTransport(): Transport {
  return new RawTransport(loadBinding());
}

class RawTransport implements Transport {
  readonly name = 'raw';
  tlsBackend: Transport['tlsBackend'] = 'raw';
  onFault = throwFault;
  readonly input = Buffer.from(new ArrayBuffer(READ_OFFSET + READ_SIZE));
  /** Memory of it is taken by the system when it is first read into. */
  readonly bulk = Buffer.from(new ArrayBuffer(BULK_SIZE));
  output = takeOutput();
  readonly batch = new WriteBatch();
  /** The request of the next write; used again as long as writes are done at once. */
  spareWrite: PendingWrite;
  readonly readView: Uint8Array;
  private tlsBinding: TlsBinding | undefined;
  private readonly views: (Uint8Array | undefined)[] = new Array<undefined>(VIEWS).fill(undefined);

  constructor(readonly binding: Binding) {
    this.readView = new Uint8Array(this.input.buffer, READ_OFFSET, READ_SIZE);
    this.spareWrite = new binding.WriteWrap();
  }

  async listen(options: ListenOptions, accept: (connection: Connection) => void): Promise<Acceptor> {
    const { TCP, constants } = this.binding;
    const handle = new TCP(constants.SERVER);
    try {
      if (options.reusePort && constants.UV_TCP_REUSEPORT === undefined) throw new Error('reusePort needs Node.js 23.1 or later');
      const flags = options.reusePort ? constants.UV_TCP_REUSEPORT! : 0;
      const { address, port } = options;
      check(isIPv6(address) ? handle.bind6(address, port, flags) : handle.bind(address, port, flags), `bind ${address}:${port}`);
      handle.onconnection = (error, accepted) => {
        if (error !== 0) return;
        const connection = new RawConnection(this, accepted);
        connection.open();
        connection.readStart();
        try {
          accept(connection);
        } catch (fault) {
          connection.faulted(fault);
        }
      };
      check(handle.listen(options.backlog ?? 4096), `listen ${address}:${port}`);
      const bound: Partial<Address> = {};
      check(handle.getsockname(bound), 'getsockname');
      return new RawAcceptor(handle, bound.port!);
    } catch (error) {
      handle.close();
      throw error;
    }
  }

  connect(address: string, port: number, handler: ConnectionHandler, tls?: ClientTls): Connection {
    if (tls !== undefined && this.tlsBackend === 'portable') return connectPortableTls(this, address, port, handler, tls);
    const { TCP, TCPConnectWrap, constants } = this.binding;
    const handle = new TCP(constants.SOCKET);
    const connection = tls === undefined ? new RawConnection(this, handle) : new RawTlsClient(this, handle, tls, handler);
    connection.handler = handler;
    const request = new TCPConnectWrap();
    request.oncomplete = (status) => {
      try {
        connection.connected(status);
      } catch (fault) {
        connection.faulted(fault);
      }
    };
    const error = isIPv6(address) ? handle.connect6(request, address, port) : handle.connect(request, address, port);
    if (error !== 0) process.nextTick(request.oncomplete, error);
    return connection;
  }

  secure(connection: Connection, tls: ServerTls, handler: ConnectionHandler): SecuredConnection {
    const handle = (connection as RawConnection).takeHandle();
    if (this.tlsBackend === 'portable') return securePortable(this, new Socket({ handle, allowHalfOpen: true } as SocketConstructorOpts), tls, handler);
    const secured = new RawTlsConnection(this, handle, tls, handler, true);
    secured.startServer(tls);
    return secured;
  }

  /** Throws where the runtime lacks it. */
  get tls(): TlsBinding {
    return (this.tlsBinding ??= loadTlsBinding());
  }

  /** [0, end) of the output. Lengths recur, and a view costs more than to look whether there is one. */
  view(end: number): Uint8Array {
    const slot = end & (VIEWS - 1);
    const known = this.views[slot];
    if (known !== undefined && known.length === end) return known;
    return (this.views[slot] = new Uint8Array(this.output.buffer, this.output.byteOffset, end));
  }

  /** A pending write reads from the output: compose in another from now on. */
  replaceOutput(): void {
    this.output = takeOutput();
    this.views.fill(undefined);
  }

  /** Binds a handle to the shared read buffer. */
  attach(handle: Handle): void {
    handle.setNoDelay(true);
    handle.onread = onRead;
    handle.useUserBuffer(this.readView);
  }
}

class RawAcceptor implements Acceptor {
  private closing: Promise<void> | undefined;
  constructor(private readonly handle: Handle, readonly port: number) {}

  async close(): Promise<void> {
    this.closing ??= new Promise((resolve) => this.handle.close(resolve));
    return this.closing;
  }
}

/** `this` is the handle. */
function onRead(this: Handle): void {
  const { owner } = this;
  if (owner === undefined) return;
  try {
    owner.read();
  } catch (error) {
    owner.faulted(error);
  }
}

function afterWrite(this: PendingWrite, status: number): void {
  if (this.isOutput) giveBackOutput(this.buffer);
  try {
    this.connection.written(status);
  } catch (error) {
    this.connection.faulted(error);
  }
}

const unset = undefined as unknown as ConnectionHandler;

class RawConnection implements Connection, HandleOwner, BatchedWriter {
  handler = unset;
  closed = false;
  slot: Slot | undefined;
  private pendingWrites = 0;
  private ending = false;
  private shutDown = false;
  private reading = false;
  private held = false;
  private bulk = false;
  private peer: Partial<Address> | undefined;

  constructor(private readonly transport: RawTransport, private readonly handle: Handle) {
    handle.owner = this;
  }

  open(): void {
    this.transport.attach(this.handle);
  }

  connected(status: number): void {
    if (this.closed) return;
    if (status !== 0) {
      this.fail('connect_failed');
      return;
    }
    this.open();
    this.handler.onConnect();
    this.readStart();
  }

  /** The handle is somebody else's from now on. */
  takeHandle(): Handle {
    this.commit();
    this.readStop();
    this.release();
    return this.handle;
  }

  get pendingBytes(): number {
    if (this.closed) return 0;
    return this.handle.writeQueueSize + (this.slot === undefined ? 0 : this.slot.used);
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
      if (!this.closed) this.handle.getpeername(this.peer);
    }
    return this.peer;
  }

  get localAddress(): string {
    const local: Partial<Address> = {};
    if (!this.closed) this.handle.getsockname(local);
    return local.address ?? '';
  }

  originalDestination(): Destination | undefined {
    return this.closed ? undefined : originalDestination(this.handle.fd, this.localAddress);
  }

  read(): void {
    if (this.closed) return;
    const { streamBaseState, kReadBytesOrError, endOfFile } = this.transport.binding;
    const length = streamBaseState[kReadBytesOrError];
    if (length > 0) {
      if (this.bulk) this.handler.onBulk!(length);
      else this.handler.onData(length);
    } else if (length === endOfFile) {this.handler.onEnd();} else if (length < 0) {this.fail('reset');}
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.waits(bytes, start, end)) return true;
    let taken = true;
    for (let at = start; at < end; at += OUTPUT_SIZE) {
      const to = Math.min(end, at + OUTPUT_SIZE);
      copy(bytes, at, to, this.transport.output);
      taken = this.flush(to - at);
    }
    return taken;
  }

  writeStable(bytes: Buffer, end: number): boolean {
    if (this.waits(bytes, 0, end)) return true;
    return this.send(new Uint8Array(bytes.buffer, bytes.byteOffset, end), false);
  }

  flush(end: number): boolean {
    if (this.closed) return true;
    if (end === 0) return this.pendingWrites === 0;
    if (this.waits(this.transport.output, 0, end)) return true;
    // Behind bytes that wait already it would only wait too: keep no more of it than it is long.
    if (this.pendingWrites > 0) return this.send(Buffer.from(this.transport.view(end)), false);
    return this.send(this.transport.view(end), true);
  }

  /** Whether short bytes go out with all others of this round. That the system did not take them is heard by the next write, and by `onDrain`. */
  private waits(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start > SLOT_BYTES || this.pendingWrites > 0 || this.closed) return false;
    if (this.slot !== undefined) {
      if (this.slot.append(bytes, start, end)) return true;
      this.commit();
    }
    this.slot = this.transport.batch.take(this);
    return this.slot !== undefined && this.slot.append(bytes, start, end);
  }

  commit(): void {
    const { slot } = this;
    if (slot === undefined) return;
    this.slot = slot.owner = undefined;
    if (!this.send(slot.view(), false)) slot.lend();
  }

  private send(bytes: Uint8Array, isOutput: boolean): boolean {
    if (this.closed) return true;
    this.commit();
    const { transport } = this;
    const { binding } = transport;
    const request = transport.spareWrite;
    const error = this.handle.writeBuffer(request, bytes);
    if (error !== 0) {
      this.failLater();
      return true;
    }
    if (binding.streamBaseState[binding.kLastWriteWasAsync] === 0) return this.pendingWrites === 0;
    request.connection = this;
    request.oncomplete = afterWrite;
    request.isOutput = isOutput;
    if (isOutput) {
      request.buffer = transport.output;
      transport.replaceOutput();
    } else {
      request.buffer = bytes as Buffer;
    }
    transport.spareWrite = new binding.WriteWrap();
    this.pendingWrites++;
    return false;
  }

  written(status: number): void {
    this.pendingWrites--;
    if (this.closed) return;
    if (status !== 0) {this.fail('reset');} else if (this.pendingWrites === 0) {
      if (this.ending) this.close();
      else this.handler.onDrain();
    }
  }

  readInBulk(): void {
    if (this.closed || this.bulk) return;
    this.bulk = true;
    this.handle.useUserBuffer(this.transport.bulk);
  }

  readStop(): void {
    if (this.closed || !this.reading) return;
    this.reading = false;
    if (!this.held) this.handle.readStop();
  }

  readStart(): void {
    if (this.closed || this.reading) return;
    this.reading = true;
    if (!this.held && this.handle.readStart() !== 0) this.failLater();
  }

  hold(on: boolean): void {
    if (this.closed || this.held === on) return;
    this.held = on;
    if (!this.reading) return;
    if (on) this.handle.readStop();
    else if (this.handle.readStart() !== 0) this.failLater();
  }

  faulted(error: unknown): void {
    endFaulty(this, error, this.transport.onFault);
  }

  shutdown(): void {
    if (this.closed || this.shutDown) return;
    this.commit();
    this.shutDown = true;
    const request = new this.transport.binding.ShutdownWrap();
    request.oncomplete = () => undefined;
    if (this.handle.shutdown(request) !== 0) this.failLater();
  }

  end(): void {
    this.commit();
    if (this.pendingWrites === 0) this.close();
    else this.ending = true;
  }

  close(): void {
    if (this.closed) return;
    this.commit();
    this.release();
    this.handle.close();
  }

  reset(): void {
    if (this.closed) return;
    this.commit();
    this.release();
    if (this.handle.reset() !== 0) this.handle.close();
  }

  private release(): void {
    this.closed = true;
    this.handle.owner = undefined;
  }

  private failLater(): void {
    process.nextTick(() => this.fail('reset'));
  }

  private fail(reason: CloseReason): void {
    if (this.closed) return;
    this.close();
    this.handler.onClosed(reason);
  }
}

function copy(bytes: Uint8Array, start: number, end: number, to: Buffer): void {
  if (end - start < 64) for (let at = start, out = 0; at < end; at++, out++) to[out] = bytes[at];
  else to.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), 0);
}
