import type { Connection } from './types';

/** Told of an exception that reached the transport: a fault of this program. */
export type OnFault = (error: unknown) => void;

/** Nobody has said what to do: the exception goes on its way. */
export const throwFault: OnFault = (error) => {
  throw error;
};

/** Runs what a connection does on an event that is rare enough for a closure. */
export function safely(owner: { faulted(error: unknown): void } | undefined, run: () => void): void {
  try {
    run();
  } catch (error) {
    owner?.faulted(error);
  }
}

/** The owner of a connection has thrown while it was told something: the connection ends, and the owner is told; all others go on. */
export function endFaulty(connection: Connection, error: unknown, onFault: OnFault): void {
  onFault(error);
  if (connection.closed) return;
  try {
    connection.reset();
    // Whoever was to accept it may have thrown before there was a handler.
    (connection.handler as Connection['handler'] | undefined)?.onClosed('reset');
  } catch (again) {
    onFault(again);
  }
}
