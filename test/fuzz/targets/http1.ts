import { ForwardedIds, forwardRequest, forwardedRequestSize, type ForwardingRules } from '../../../runtime/proxy/http1/forward';
import { Body, Framing, Refuse, readRequest } from '../../../runtime/proxy/http1/framing';
import { Head, Known, MAX_HEADERS } from '../../../runtime/proxy/http1/head';
import { IdSource } from '../../../runtime/proxy/http1/ids';
import { BAD_RESPONSES, PIECES, REQUESTS, RESPONSES, SMUGGLING } from '../../runtime/proxy/http1/corpus';
import { isAllowed } from '../../runtime/proxy/http1/differences';
import { readLlhttp, readOurs, readOursInPieces } from '../../runtime/proxy/support/messages';
import type { Target } from '../engine';
import { check, cutsOf } from './support';

/** Header lines that a request gets on its way at most. */
const ADDED = 6;
const bytesOf = (texts: readonly string[]): Buffer[] => texts.map((text) => Buffer.from(text, 'latin1'));

/** Whatever the bytes are: they mean the same however they are cut, and what we take of them llhttp takes as the same. */
function readsAlike(input: Buffer, isResponse: boolean): void {
  const ours = readOurs(input, isResponse);
  check(readOursInPieces(cutsOf(input), isResponse), ours, 'a cut changes the meaning');
  const text = input.toString('latin1');
  if (ours.messages.length === 0 || isAllowed(text, ours, 'llhttp')) return;
  check(readLlhttp(input, isResponse).messages.slice(0, ours.messages.length), ours.messages, 'llhttp reads something else');
}

const RULES: ForwardingRules = {
  ids: new IdSource(() => 0.5), generateRequestId: true, replaceRequestId: false, forwardedFor: '192.0.2.1', overwriteForwardedProto: true,
  secure: false, fallbackHost: 'fallback:80',
};

/** A head that is taken goes on as one that everybody reads in the same way: as one message, of the same method and length. */
function forwardsAlike(input: Buffer): void {
  const head = new Head();
  const framing = new Framing();
  if (head.parseRequest(input, 0, input.length) <= 0 || readRequest(head, framing) !== Refuse.Nothing) return;
  // A tunnel ends at the proxy: its head goes no further.
  if (head.text(head.methodStart, head.methodEnd) === 'CONNECT') return;
  // What the proxy adds may be more than the next one takes, which then says so.
  if (head.count > MAX_HEADERS - ADDED) return;
  const to = Buffer.alloc(forwardedRequestSize(head, RULES, undefined, undefined, undefined));
  const end = forwardRequest(head, framing, to, RULES, new ForwardedIds(), undefined, undefined, undefined);
  const sent = new Head();
  const meaning = new Framing();
  check(sent.parseRequest(to, 0, end), end, 'what is sent is no head of that length');
  check(readRequest(sent, meaning), Refuse.Nothing, 'what is sent is refused');
  const facts = (of: Head, { body, length, isHead, upgrade }: Framing) => [of.text(of.methodStart, of.methodEnd), body, length, isHead, upgrade];
  check(facts(sent, meaning), facts(head, framing), 'what is sent means something else');
  check([sent.minor, meaning.absolute, meaning.close, meaning.hasListed], [1, false, false, false], 'what is sent concerns the next hop only');
  const hosts = Array.from(sent.known.subarray(0, sent.count)).filter((known) => known === Known.Host).length;
  check(hosts, 1, 'hosts');
  if (framing.length > 100) return;
  const body = framing.body === Body.Chunked ? '0\r\n\r\n' : 'b'.repeat(Math.max(0, framing.length));
  const whole = Buffer.concat([to.subarray(0, end), Buffer.from(body)]);
  if (isAllowed(whole.toString('latin1'), readOurs(whole, false), 'llhttp')) return;
  check(readLlhttp(whole, false).messages.length, 1, 'llhttp does not take what is sent');
}

export const http1Request: Target = {
  name: 'http1-request',
  run: (input) => {
    readsAlike(input, false);
    forwardsAlike(input);
  },
  seeds: bytesOf([...REQUESTS, ...SMUGGLING]),
  dictionary: bytesOf(PIECES),
};

export const http1Response: Target = {
  name: 'http1-response',
  run: (input) => readsAlike(input, true),
  seeds: bytesOf([...RESPONSES, ...BAD_RESPONSES]),
  dictionary: bytesOf(PIECES),
};
