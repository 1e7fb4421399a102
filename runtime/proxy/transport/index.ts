import type { Clock } from '../../clock';
import { createPortableTransport } from './portable';
import { createRawTransport } from './raw';
import { selfTest } from './self-test';
import type { Transport } from './types';

export * from './types';
export { createPortableTransport, createRawTransport, selfTest };

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
