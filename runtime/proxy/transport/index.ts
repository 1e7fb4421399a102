import type { Clock } from '../../clock';
import { createPortableTransport } from './portable';
import { createRawTransport } from './raw';
import { selfTest } from './self-test';
import { selfTestTls } from './self-test-tls';
import type { Transport } from './types';

export * from './tls';
export * from './types';
export type { Destination } from './original-destination';
export { createPortableTransport, createRawTransport, selfTest, selfTestTls };

export interface TransportChoice {
  readonly transport: Transport;
  /** Why it is not the raw one. */
  readonly reason: string | undefined;
}

/** The raw transport where this runtime passes its self-test, the portable one otherwise. */
export async function chooseTransport(clock: Clock): Promise<TransportChoice> {
  try {
    const transport = createRawTransport();
    await selfTest(transport, clock);
    return { transport, reason: undefined };
  } catch (error) {
    return { transport: createPortableTransport(), reason: (error as Error).message };
  }
}

const chosen = new WeakMap<Transport, Promise<string | undefined>>();

/**
 * Tries the TLS of a transport out before its first use, which for most proxies never comes. Where the runtime's own handles are found wanting,
 * `node:tls` stands behind it from then on; the answer is why. Connections that are open already are plain ones.
 */
export async function chooseTls(transport: Transport, clock: Clock): Promise<string | undefined> {
  let choice = chosen.get(transport);
  if (choice === undefined) chosen.set(transport, choice = tryTls(transport, clock));
  return choice;
}

async function tryTls(transport: Transport, clock: Clock): Promise<string | undefined> {
  if (transport.tlsBackend === 'portable') return undefined;
  try {
    await selfTest(transport, clock, selfTestTls());
    return undefined;
  } catch (error) {
    transport.tlsBackend = 'portable';
    return (error as Error).message;
  }
}
