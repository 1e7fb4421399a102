import { getSystemErrorName } from 'node:util';

/**
 * The runtime's TCP handles. They are what `node:net` itself stands on; nobody promises that they stay, therefore `chooseTransport` tries them out
 * before it trusts them.
 */
export interface Handle {
  /** Who hears of it. */
  owner: HandleOwner | undefined;
  onread: (() => void) | undefined;
  onconnection: ((error: number, handle: Handle) => void) | undefined;
  readonly writeQueueSize: number;
  /** Of the system; -1 once it is closed. */
  readonly fd: number;
  bind(address: string, port: number, flags?: number): number;
  bind6(address: string, port: number, flags: number): number;
  listen(backlog: number): number;
  connect(request: object, address: string, port: number): number;
  connect6(request: object, address: string, port: number): number;
  getsockname(out: Partial<Address>): number;
  getpeername(out: Partial<Address>): number;
  setNoDelay(on: boolean): number;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: object, bytes: Uint8Array): number;
  shutdown(request: object): number;
  close(callback?: () => void): void;
  reset(callback?: () => void): number;
}

export interface HandleOwner {
  read(): void;
  written(status: number): void;
  /** Either has thrown. */
  faulted(error: unknown): void;
}

export interface Address {
  address: string;
  port: number;
}

export interface PendingWrite {
  connection: HandleOwner;
  /** Keeps the bytes from being collected or composed in again. */
  buffer: Buffer;
  isOutput: boolean;
  oncomplete: (status: number) => void;
}

export interface Binding {
  readonly TCP: new (type: number) => Handle;
  readonly TCPConnectWrap: new () => { oncomplete: (status: number) => void };
  readonly constants: { readonly SOCKET: number; readonly SERVER: number; readonly UV_TCP_REUSEPORT?: number };
  readonly WriteWrap: new () => PendingWrite;
  readonly ShutdownWrap: new () => { oncomplete: (status: number) => void };
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
  readonly endOfFile: number;
}

export function loadBinding(): Binding {
  const { binding } = process as unknown as { binding(name: string): Record<string, unknown> };
  const bound = binding.bind(process);
  return { ...bound('tcp_wrap'), ...bound('stream_wrap'), endOfFile: bound('uv').UV_EOF } as unknown as Binding;
}

export function check(error: number, call: string): void {
  if (error !== 0) throw Object.assign(new Error(`${call}: ${getSystemErrorName(error)}`), { code: getSystemErrorName(error), syscall: call });
}
