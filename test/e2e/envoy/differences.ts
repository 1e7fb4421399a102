/** What both proxies did with one case, field by field: `status`, `response.header.server`, `try.1.request.header.x-forwarded-for` … */
export type Observation = ReadonlyMap<string, string>;

export interface Difference {
  readonly field: string;
  /** Undefined: there was none. */
  readonly envoy: string | undefined;
  readonly ours: string | undefined;
}

/** A difference that must be, and why. */
export interface Allowed {
  readonly field: RegExp;
  /** Cases that it is allowed in. */
  readonly in: (name: string) => boolean;
  /** Both values, as they must be. */
  readonly values: (envoy: string | undefined, ours: string | undefined) => boolean;
  readonly reason: string;
}

export function differences(envoy: Observation, ours: Observation): Difference[] {
  return [...new Set([...envoy.keys(), ...ours.keys()])]
    .filter((field) => envoy.get(field) !== ours.get(field))
    .map((field) => ({ field, envoy: envoy.get(field), ours: ours.get(field) }));
}

export function allows(allowed: Allowed, name: string, { field, envoy, ours }: Difference): boolean {
  return allowed.field.test(field) && allowed.in(name) && allowed.values(envoy, ours);
}

const everywhere = () => true;
const only = (...names: string[]) => (name: string) => names.includes(name);
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/;
const ADDRESS = /^[0-9.]+$/;

/** The whole list. The test fails for a difference that is not here, and for an entry that no case shows any more. */
export const allowed: readonly Allowed[] = [
  {
    field: /^response\.body$/,
    in: everywhere,
    values: (envoy, ours) => envoy !== undefined && !envoy.startsWith('{') && (ours ?? '').startsWith('{"type":"https://meshwright.dev/problems/'),
    reason: 'An error of our proxy is a problem document (RFC 9457) that names the policy; Envoy writes a line of text, or nothing.',
  },
  {
    field: /^response\.header\.content-type$/,
    in: everywhere,
    values: (envoy, ours) => (envoy === undefined || envoy === 'text/plain') && ours === 'application/problem+json',
    reason: 'The type of these problem documents.',
  },
  {
    field: /^response\.header\.content-length$/,
    in: everywhere,
    values: (envoy, ours) => Number(envoy) < 120 && Number(ours) > 120,
    reason: 'The length of these problem documents.',
  },
  {
    field: /^response\.header\.server$/,
    in: everywhere,
    values: (envoy, ours) => envoy === undefined && ours === 'meshwright',
    reason: 'An answer that our proxy makes itself says so. Envoy names itself only where it overwrites the server of every upstream, which we do not ask for.',
  },
  {
    field: /^try\.\d\.header\.traceparent$/,
    in: everywhere,
    values: (envoy, ours) => envoy === undefined && TRACEPARENT.test(ours ?? ''),
    reason: 'Our proxy always takes part in W3C Trace Context; Envoy only where a tracer is configured.',
  },
  {
    field: /^try\.\d\.header\.x-envoy-external-address$/,
    in: everywhere,
    values: (envoy, ours) => ADDRESS.test(envoy ?? '') && ours === undefined,
    reason: 'Envoy\'s own header; x-forwarded-for says the same, in both.',
  },
  {
    field: /^try\.1\.header\.x-envoy-(retry-on|max-retries)$/,
    in: only('x-envoy headers are not obeyed'),
    values: (envoy, ours) => envoy === undefined && ours !== undefined,
    reason: 'Envoy removes what it would obey from others; to our proxy they are headers like any other.',
  },
  {
    field: /^try\.1\.header\.te$/,
    in: only('hop-by-hop headers end here'),
    values: (envoy, ours) => envoy === 'trailers' && ours === undefined,
    reason: 'TE is a hop-by-hop header (RFC 9110 §10.1.4); Envoy lets `trailers` pass for gRPC.',
  },
  {
    field: /^try\.1\.header\.content-length$/,
    in: only('OPTIONS'),
    values: (envoy, ours) => envoy === '0' && ours === undefined,
    reason: 'Envoy writes `content-length: 0` to an OPTIONS without a body. RFC 9110 §8.6 wants it only where a method anticipates content.',
  },
  {
    field: /^(connection|response\.header\.connection)$/,
    in: only('a redirect of a POST'),
    values: (envoy, ours) => (envoy === 'closed' && ours === 'kept') || (envoy === 'close' && ours === undefined),
    reason: 'Envoy closes where it answers before the body has come; our proxy reads a small body to its end and keeps the connection.',
  },
  {
    field: /^(tries|try\.\d\..*)$/,
    in: only('every connection breaks', 'a broken connection where no retry is declared'),
    values: (envoy, ours) => envoy === undefined || Number(ours) === Number(envoy) + 1,
    reason: 'An idempotent request whose connection had served before and ends without a byte goes out once more, on a new one: most often it was closed '
      + 'while it was idle (RFC 9110 §9.2.2). Envoy counts that as a failure.',
  },
  {
    field: /^(connection|response\.header\.transfer-encoding)$/,
    in: only('HEAD of an answer without a length'),
    values: (envoy, ours) => (envoy === 'chunked' && ours === undefined) || (envoy === 'kept' && ours === 'closed'),
    reason: 'Transfer-Encoding is of one hop, and an answer to HEAD has nothing to encode (RFC 9112 §6.1); our proxy leaves it out. It keeps the '
      + 'connection all the same; it is the client of this test that gives it up.',
  },
];
