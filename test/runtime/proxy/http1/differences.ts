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
    what: 'a method that the peer does not know',
    clause: 'RFC 9110 §9.1: any token is a method, which the origin server answers with 501 or 405 if it does not know it',
    refusedBy: ['llhttp'],
    applies: (_text, { messages }) => messages.some(({ first }) => first.includes(' ') && !KNOWN_METHODS.has(first.split(' ')[0])),
  },
  {
    what: 'a method of other characters than letters',
    clause: 'RFC 9110 §9.1: any token is a method (M-SEARCH is one)',
    refusedBy: ['envoy'],
    applies: (_text, { messages }) => messages.some(({ first }) => /^[A-Za-z]*[^A-Za-z ]\S* /.test(first)),
  },
  {
    what: 'HTTP/1.0 without Host',
    clause: 'RFC 9112 §3.2: Host has to be in every request of HTTP/1.1, not of HTTP/1.0; it goes on with the listener\'s address',
    refusedBy: ['envoy'],
    applies: (text) => text.split('\r\n\r\n').some((head) => /HTTP\/1\.0(\r\n|$)/.test(head) && !/^host:/im.test(head)),
  },
  {
    what: 'Connection that names Host',
    clause: 'RFC 9110 §7.6.1: it must not be listed, and nothing says that the message is invalid; Host stays',
    refusedBy: ['envoy'],
    applies: (text) => /^connection:[^\r\n]*\bhost\b/im.test(text),
  },
  {
    what: 'an absolute target whose port is empty',
    clause: 'RFC 3986 §3.2.3: the port may be empty',
    refusedBy: ['envoy'],
    applies: (text) => /^\S+ https?:\/\/[^/?\s]*:[/? ]/im.test(text),
  },
  {
    what: 'an absolute target with a query and no path',
    clause: 'RFC 9112 §3.2.1: an empty path is sent as /',
    refusedBy: ['envoy'],
    applies: (text) => /^\S+ https?:\/\/[^/?\s]+\?/im.test(text),
  },
];

export function isAllowed(text: string, ours: Reading, peer: Peer): boolean {
  return DIFFERENCES.some(({ refusedBy, applies }) => refusedBy.includes(peer) && applies(text, ours));
}
