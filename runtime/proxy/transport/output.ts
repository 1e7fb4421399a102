import { OUTPUT_SIZE } from './types';

const FREE_AT_MOST = 8;
const free: Buffer[] = [];

/** A buffer to compose writes in. One that a pending write still reads from is `giveBack`n when that write is done. */
export function takeOutput(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(OUTPUT_SIZE);
}

export function giveBackOutput(buffer: Buffer): void {
  if (free.length < FREE_AT_MOST) free.push(buffer);
}
