import type { DigestDirection } from '../config/types';
import { weakened } from '../filter/body/compressor';
import { DIGEST_FIELDS } from '../filter/body/digest-field';
import type { ResponseEdits } from '../http1/forward';
import type { Head } from '../http1/head';

export type DigestName = 'content-digest' | 'repr-digest';

/** `edits`, which are filled anew for each answer, with more: `added` is name, value, name, value … */
export function withAdded(edits: ResponseEdits, added: readonly string[]): ResponseEdits {
  const { mutation, close, toChunked, dropCoding } = edits;
  return { mutation, added: [...edits.added, ...added], close, toChunked, dropCoding, date: () => edits.date() };
}

/** Of an answer whose body goes on in chunks of ours. */
export function reframedEdits(edits: ResponseEdits, added: readonly string[], dropped: readonly string[]): ResponseEdits {
  return { ...withAdded(edits, added), dropped, toChunked: true, dropCoding: true };
}

/** Of an answer to a client of HTTP/1.0 that ends with its connection. */
export function plainEdits(edits: ResponseEdits): ResponseEdits {
  return { ...withAdded(edits, []), dropped: ['content-length'], toChunked: false, dropCoding: true };
}

/** Of an answer that gets a content coding. */
export function encodedEdits(head: Head, edits: ResponseEdits, coding: string, announced: readonly string[]): ResponseEdits {
  const added = ['content-encoding', coding, ...announced];
  if (!varies(head)) added.push('vary', 'accept-encoding');
  const etag = head.header('etag');
  if (etag !== undefined) added.push('etag', weakened(etag));
  // Ranges would be of another representation than the one that this is.
  return reframedEdits(edits, added, ['content-length', 'etag', 'accept-ranges', ...DIGEST_FIELDS]);
}

/** The content is all of a representation (RFC 9530 §3.1). */
export function isWhole(head: Head): boolean {
  return head.status === 200 && head.header('content-range') === undefined;
}

/** Caches know already that the answer depends on Accept-Encoding. */
export function varies(head: Head): boolean {
  return /(?:^|,)\s*(?:\*|accept-encoding)\s*(?:,|$)/i.test(head.header('vary') ?? '');
}

/** Digests to make; `replaces`: those that came are of what the body is no more. */
export function digestsToMake(rules: DigestDirection | undefined, head: Head, replaces: boolean): DigestName[] {
  if (rules === undefined) return [];
  const names: DigestName[] = [];
  const lacks = (name: DigestName) => replaces || head.header(name) === undefined;
  if (rules.makeContentDigest && lacks('content-digest')) names.push('content-digest');
  if (rules.makeReprDigest && isWhole(head) && lacks('repr-digest')) names.push('repr-digest');
  return names;
}
