import { ERRORS } from '../../error';
import type { LocalReply } from '../types';
import type { TokenProblem } from './token';

/** What is told to whoever has the wrong token: of its own token, nothing of the keys. */
const DESCRIPTIONS: Partial<Readonly<Record<TokenProblem, string>>> = {
  malformed: 'The token is malformed',
  too_large: 'The token is too large',
  algorithm: 'The algorithm of the token is not allowed',
  critical: 'The token needs an extension that is not supported',
  type: 'The token is of another type',
  unknown_key: 'The key of the token is not known',
  signature: 'The signature of the token is wrong',
  issuer: 'The issuer of the token is another one',
  audience: 'The token is for another audience',
  expired: 'The token has expired',
  no_expiration: 'The token does not expire',
  not_yet_valid: 'The token is not valid yet',
};
/** In seconds: a provider that is away may be back then. */
const COME_AGAIN = '5';

/** 401 as RFC 6750 §3 has it: whoever sent no token hears how to send one, and no error. Where keys cannot be had, that is no fault of the token's: 503. */
export function refusal(problem: TokenProblem, realm: string): LocalReply {
  const detail = `jwt_authn_access_denied{${problem}}`;
  if (problem === 'keys_unavailable') {
    const headers = [{ name: 'retry-after', value: COME_AGAIN }];
    return { ...reply(ERRORS.tokenKeysUnavailable), detail, publicDetail: ERRORS.tokenKeysUnavailable.code, headers };
  }
  if (problem === 'missing') return { ...reply(ERRORS.tokenMissing), detail, headers: [challenge(realm)] };
  const headers = [challenge(realm, ['error', 'invalid_token'], ['error_description', DESCRIPTIONS[problem]!])];
  return { ...reply(ERRORS.tokenInvalid), detail, headers };
}

/** `WWW-Authenticate: Bearer` with a realm, and more parameters. */
export function challenge(realm: string, ...parameters: readonly (readonly [name: string, value: string])[]) {
  const all = [['realm', realm] as const, ...parameters].map(([name, value]) => `${name}=${quoted(value)}`);
  return { name: 'www-authenticate', value: `Bearer ${all.join(', ')}` };
}

/** A quoted-string (RFC 9110 §5.6.4). */
function quoted(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
}

function reply({ status, flag, problem, title, policy, grpcStatus }: (typeof ERRORS)[keyof typeof ERRORS]): Omit<LocalReply, 'detail'> {
  return { status, flag, problem, title, policy: policy!, grpcStatus };
}
