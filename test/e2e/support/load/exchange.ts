import { createHash } from 'node:crypto';
import { bodyOf, digestOf } from '../../../integrity/plan';

/** Headers by which both ends know what belongs to a request. */
export const ID = 'x-load-id';
export const DIGEST = 'x-load-digest';
export const SERVED_BY = 'x-load-served-by';

/** Largest body of a request or an answer, in bytes: most are smaller than one segment, some are not. */
const LARGEST = 3000;

/** The bytes of one side of a request: made of its id alone, of another length and content for each. */
export function payload(id: string, side: 'request' | 'answer'): Buffer {
  return bodyOf(id, side, createHash('sha256').update(`${side} bytes ${id}`).digest().readUInt32LE(0) % LARGEST);
}

export { digestOf };
