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
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/;

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
    values: () => true,
    reason: 'The length of these problem documents.',
  },
  {
    field: /\.header\.traceparent$/,
    in: everywhere,
    values: (envoy, ours) => envoy === undefined && TRACEPARENT.test(ours ?? ''),
    reason: 'Our proxy always takes part in W3C Trace Context; Envoy only where a tracer is configured.',
  },
];
