import * as fc from 'fast-check';
import { ForwardedIds, type ForwardingRules } from '../../../../runtime/proxy/http1/forward';
import { Framing } from '../../../../runtime/proxy/http1/framing';
import { Head } from '../../../../runtime/proxy/http1/head';
import { IdSource } from '../../../../runtime/proxy/http1/ids';
import { forwardRequestBlock } from '../../../../runtime/proxy/http2/forward';
import { Decoded, HpackDecoder } from '../../../../runtime/proxy/http2/hpack/decoder';
import { FieldSection } from '../../../../runtime/proxy/http2/hpack/field-section';
import { SectionError, readRequestSection } from '../../../../runtime/proxy/http2/request-head';

const RULES: ForwardingRules = {
  ids: new IdSource(() => 0.5), generateRequestId: false, replaceRequestId: false, forwardedFor: '', overwriteForwardedProto: false, fallbackHost: 'fallback',
  secure: false,
};

/** GET / of host `a`. */
const PSEUDO = Buffer.from([0x82, 0x86, 0x84, 0x41, 1, 97]);

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
}
const literal = (pattern: number, name: string, value: string): Buffer => Buffer.concat([Buffer.from([pattern]), text(name), text(value)]);

/** What goes upstream of a block of fields behind the pseudo-headers, and whether it was well-formed at all. */
function forward(block: Buffer, secure = false): { result: number; block: Buffer; fields: [string, string][] } {
  const section = new FieldSection(60_000);
  const whole = Buffer.concat([PSEUDO, block]);
  expect(new HpackDecoder().decode(whole, 0, whole.length, section)).toBe(Decoded.Ok);
  const head = new Head(), framing = new Framing();
  const result = readRequestSection(section, true, head, framing);
  if (result !== 0) return { result, block: Buffer.alloc(0), fields: [] };
  const to = Buffer.alloc(70_000);
  const end = forwardRequestBlock(head, framing, to, RULES, new ForwardedIds(), undefined, undefined, undefined, section, secure);
  const again = new FieldSection(60_000);
  expect(new HpackDecoder().decode(to, 0, end, again)).toBe(Decoded.Ok);
  return { result, block: to.subarray(0, end), fields: Array.from({ length: again.count }, (_, i) => [again.name(i), again.value(i)]) };
}

/** Beside those of the client: what every request gets. */
const OURS = new Set(['te', 'x-forwarded-proto', 'traceparent']);
const theirs = (fields: [string, string][]): [string, string][] => fields.filter(([name]) => !name.startsWith(':') && !OURS.has(name));

test('fields that need no table go on as the bytes that they came in: never indexed stays so, Huffman coded stays so', () => {
  // authorization, never indexed, with a value that is coded: `abc`.
  const never = Buffer.from([0x1f, 8, 0x83, 0x1c, 0x64, 0x7f]);
  const indexed = Buffer.from([0x90]);
  const plain = literal(0, 'x-own', 'v');
  const { block, fields } = forward(Buffer.concat([never, indexed, plain]));
  expect(block.includes(Buffer.concat([never, indexed, plain]))).toBe(true);
  expect(theirs(fields)).toEqual([['authorization', expect.any(String)], ['accept-encoding', 'gzip, deflate'], ['x-own', 'v']]);
});

test('fields of a table go on without one', () => {
  const { block, fields } = forward(Buffer.concat([literal(0x40, 'x-own', 'v'), Buffer.from([0xbe, 0xbe])]));
  expect(theirs(fields)).toEqual([['x-own', 'v'], ['x-own', 'v'], ['x-own', 'v']]);
  expect(block.includes(0xbe)).toBe(false);
});

test('crumbs of a cookie become one', () => {
  const crumbs = Buffer.concat(['a=1', 'b=2', 'c=3'].map((crumb) => Buffer.concat([Buffer.from([0x0f, 17]), text(crumb)])));
  expect(theirs(forward(Buffer.concat([crumbs, literal(0, 'x-own', 'v')])).fields)).toEqual([['x-own', 'v'], ['cookie', 'a=1; b=2; c=3']]);
});

test('the scheme is that of the hop', () => {
  expect(forward(Buffer.alloc(0)).fields).toContainEqual([':scheme', 'http']);
  expect(forward(Buffer.alloc(0), true).fields).toContainEqual([':scheme', 'https']);
});

test.each([
  ['upper case', 'X-Own', 'v'], ['no name', '', 'v'], ['a space in a name', 'x own', 'v'], ['a line break in a value', 'x-own', 'a\r\nb: c'],
  ['a NUL', 'x-own', 'a\0'], ['space around a value', 'x-own', ' v'], ['connection', 'connection', 'close'], ['transfer-encoding', 'transfer-encoding', 'chunked'],
  ['upgrade', 'upgrade', 'h2c'], ['te', 'te', 'gzip'], ['a pseudo-header behind others', ':path', '/other'], ['a pseudo-header that is none', ':own', 'v'],
  ['content-length that is no number', 'content-length', '+1'], ['another Host', 'host', 'b'],
])('is malformed: %s', (_, name, value) => {
  expect(forward(literal(0, name, value)).result).toBe(SectionError.Malformed);
});

test('whatever the fields and however they are coded, the same come out', () => {
  const name = fc.stringMatching(/^x-[a-z0-9-]{1,20}$/);
  const value = fc.stringMatching(/^[!-~]{1,60}$/);
  const pattern = fc.constantFrom(0, 0x10, 0x40);
  fc.assert(fc.property(fc.array(fc.tuple(pattern, name, value), { maxLength: 40 }), (sent) => {
    const known = sent.filter(([, key]) => !['x-request-id', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-client-cert'].includes(key));
    const { fields } = forward(Buffer.concat(known.map(([form, key, text_]) => literal(form, key, text_))));
    expect(theirs(fields)).toEqual(known.map(([, key, text_]) => [key, text_]));
  }));
});
