import { KNOWN_METHODS, type Reading } from '../support/messages';

/** Other parsers that ours is compared with. */
export type Peer = 'llhttp' | 'envoy';

/** Messages that we accept and a peer does not, and why that is right. */
export interface Difference {
  readonly what: string;
  /** The clause that lets the message be accepted. */
  readonly clause: string;
  readonly refusedBy: readonly Peer[];
  /** `ours`: how we read `text`. */
  readonly applies: (text: string, ours: Reading) => boolean;
}

/**
 * The whole table. What is not in it is a defect: either a message is accepted that nobody else accepts, or two parsers of one mesh read the same
 * bytes in two ways. No entry names both peers: what both refuse, we refuse.
 */
export const DIFFERENCES: readonly Difference[] = [
  {
    what: 'a tab behind the number of a Content-Length',
    clause: 'RFC 9110 §5.6.3: optional white space around a field value is spaces and tabs',
    refusedBy: ['llhttp'],
    applies: (text) => /^content-length:[^\r\n]*\t[ \t]*\r$/im.test(text),
  },
  {
    what: 'a method that the peer does not know',
    clause: 'RFC 9110 §9.1: any token is a method, which the origin server answers with 501 or 405 if it does not know it',
    refusedBy: ['llhttp'],
    applies: (_text, { messages }) => messages.some(({ first }) => first.includes(' ') && !KNOWN_METHODS.has(first.split(' ')[0])),
  },
];

export function isAllowed(text: string, ours: Reading, peer: Peer): boolean {
  return DIFFERENCES.some(({ refusedBy, applies }) => refusedBy.includes(peer) && applies(text, ours));
}
