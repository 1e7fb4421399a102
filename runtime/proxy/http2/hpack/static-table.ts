/** RFC 7541 Appendix A: name and value of entries 1 to 61. */
const ENTRIES: readonly (readonly [string, string])[] = [
  [':authority', ''], [':method', 'GET'], [':method', 'POST'], [':path', '/'], [':path', '/index.html'], [':scheme', 'http'], [':scheme', 'https'],
  [':status', '200'], [':status', '204'], [':status', '206'], [':status', '304'], [':status', '400'], [':status', '404'], [':status', '500'],
  ['accept-charset', ''], ['accept-encoding', 'gzip, deflate'], ['accept-language', ''], ['accept-ranges', ''], ['accept', ''],
  ['access-control-allow-origin', ''], ['age', ''], ['allow', ''], ['authorization', ''], ['cache-control', ''], ['content-disposition', ''],
  ['content-encoding', ''], ['content-language', ''], ['content-length', ''], ['content-location', ''], ['content-range', ''], ['content-type', ''],
  ['cookie', ''], ['date', ''], ['etag', ''], ['expect', ''], ['expires', ''], ['from', ''], ['host', ''], ['if-match', ''],
  ['if-modified-since', ''], ['if-none-match', ''], ['if-range', ''], ['if-unmodified-since', ''], ['last-modified', ''], ['link', ''],
  ['location', ''], ['max-forwards', ''], ['proxy-authenticate', ''], ['proxy-authorization', ''], ['range', ''], ['referer', ''], ['refresh', ''],
  ['retry-after', ''], ['server', ''], ['set-cookie', ''], ['strict-transport-security', ''], ['transfer-encoding', ''], ['user-agent', ''],
  ['vary', ''], ['via', ''], ['www-authenticate', ''],
];

export const STATIC_ENTRIES = ENTRIES.length;

/** First entry of a name: what a field is known by, wherever it came from. */
export const Static = {
  Authority: 1, Method: 2, Path: 4, Scheme: 6, Status: 8, Authorization: 23, ContentEncoding: 26, ContentLength: 28, Cookie: 32, Date: 33, Expect: 35,
  Host: 38, ProxyAuthorization: 49, RetryAfter: 53, Server: 54, SetCookie: 55, TransferEncoding: 57, UserAgent: 58,
} as const;

/** All entries as lines, `name: value` and CRLF, in one piece; entry i is [start, end), its name [start, nameEnd). */
export const staticBytes = Buffer.from(ENTRIES.map(([name, value]) => `${name}: ${value}\r\n`).join(''), 'latin1');
export const staticStart = new Uint16Array(STATIC_ENTRIES + 1);
export const staticNameEnd = new Uint16Array(STATIC_ENTRIES + 1);
export const staticEnd = new Uint16Array(STATIC_ENTRIES + 1);
/** The first entry with the same name. */
export const staticName = new Uint8Array(STATIC_ENTRIES + 1);

/** Entries by a number made of length, first and last byte of the name: each bucket is a chain by `next`. */
const buckets = new Uint8Array(256);
const next = new Uint8Array(STATIC_ENTRIES + 1);

function bucketOf(length: number, first: number, last: number): number {
  return (length * 37 + first * 5 + last * 3) & 255;
}

let at = 0;
const firsts = new Map<string, number>();
ENTRIES.forEach(([name, value], i) => {
  const index = i + 1;
  staticStart[index] = at;
  staticNameEnd[index] = at + name.length;
  staticEnd[index] = at += name.length + value.length + 4;
  const known = firsts.get(name);
  staticName[index] = known ?? index;
  if (known !== undefined) return;
  firsts.set(name, index);
  const bucket = bucketOf(name.length, name.charCodeAt(0), name.charCodeAt(name.length - 1));
  next[index] = buckets[bucket];
  buckets[bucket] = index;
});

/** The first entry whose name is [start, end) of `bytes`, which is in lower case; 0: none. */
export function findStaticName(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length === 0) return 0;
  let index = buckets[bucketOf(length, bytes[start], bytes[end - 1])];
  for (; index !== 0; index = next[index]) {
    const from = staticStart[index];
    if (staticNameEnd[index] - from !== length) continue;
    let i = 0;
    while (i < length && bytes[start + i] === staticBytes[from + i]) i++;
    if (i === length) return index;
  }
  return 0;
}
