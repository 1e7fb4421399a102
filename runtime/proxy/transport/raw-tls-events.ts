import { safely } from './fault';
import type { Handle, HandleOwner, PendingWrite } from './raw-binding';
import type { TlsHandle } from './raw-tls-binding';
import type { TlsError } from './tls';

// What the runtime calls, once for all connections: `this` is the handle, or the request.

/** Who hears of a TLS handle. */
export interface TlsOwner extends HandleOwner {
  /** The handshake is done. */
  agreed(): void;
  broken(error: TlsError): void;
}

export function onRead(this: Handle): void {
  const { owner } = this;
  if (owner === undefined) return;
  try {
    owner.read();
  } catch (error) {
    owner.faulted(error);
  }
}

export function onHandshakeDone(this: TlsHandle): void {
  const owner = this.owner as TlsOwner | undefined;
  safely(owner, () => owner?.agreed());
}

export function onError(this: TlsHandle, error: TlsError): void {
  const owner = this.owner as TlsOwner | undefined;
  safely(owner, () => owner?.broken(error));
}

export function afterWrite(this: PendingWrite, status: number): void {
  safely(this.connection, () => this.connection.written(status));
}

export const nothing = (): void => {};
