import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { VirtualClock } from '../../../../../runtime/clock/virtual';
import type { JwtProviderConfig } from '../../../../../runtime/proxy/config/types';
import { KeySet } from '../../../../../runtime/proxy/filter/jwt/key-set';
import { KeyStore } from '../../../../../runtime/proxy/filter/jwt/key-store';
import { Provider } from '../../../../../runtime/proxy/filter/jwt/provider';
import { jwtProviderConfig } from '../../support/config';
import { encoded, hmacToken, IssuerKey, jwks, type SigningAlgorithm } from '../../support/tokens';

const ISSUER = 'https://login.example';
const NOW = Date.UTC(2026, 0, 1);
const SECONDS = NOW / 1000;
const CLAIMS = { iss: ISSUER, aud: 'payment', sub: 'ann', iat: SECONDS, exp: SECONDS + 300 };
const ALGORITHMS: readonly SigningAlgorithm[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const KEYS = new Map(ALGORITHMS.map((algorithm) => [algorithm, new IssuerKey(algorithm, `key-${algorithm}`)]));
const rsa = KEYS.get('RS256')!, ec = KEYS.get('ES256')!, ed = KEYS.get('EdDSA')!;
const ALL = jwks(...KEYS.values());

function providerConfig(changes: Partial<JwtProviderConfig>): JwtProviderConfig {
  return jwtProviderConfig({ issuer: ISSUER, keys: { kind: 'local', jwks: ALL }, ...changes });
}

function provider(changes: Partial<JwtProviderConfig> = {}): Provider {
  const clock = new VirtualClock();
  const store = new KeyStore({ clock, random: () => 0, fetch: () => ({ cancel() {} }), keepFor: () => 0 });
  return new Provider(providerConfig(changes), store, []);
}

const usual = provider({ cacheSize: 0 });

/** `valid`, or what is wrong. */
function verdict(token: string, changes?: Partial<JwtProviderConfig>): string {
  const verified = (changes === undefined ? usual : provider(changes)).verify(token, NOW, undefined);
  return typeof verified === 'string' ? verified : 'claims' in verified ? 'valid' : 'awaits';
}

test.each(ALGORITHMS)('%s is verified, and a signature with one bit changed is not', (algorithm) => {
  const token = KEYS.get(algorithm)!.token(CLAIMS);
  expect(verdict(token)).toBe('valid');
  const [head, payload, signature] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed[at] ^= 1;
    expect(verdict(`${head}.${payload}.${changed.toString('base64url')}`)).toBe('signature');
  }
  expect(verdict(`${head}.${encoded({ ...CLAIMS, sub: 'eve' })}.${signature}`)).toBe('signature');
});

test('no signature is none, however it is written', () => {
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '', undefined, null, 1, ['RS256']]) {
    const signed = `${encoded({ alg, typ: 'JWT' })}.${encoded(CLAIMS)}`;
    expect([verdict(`${signed}.`), verdict(signed), verdict(`${signed}.AA`)]).toEqual(['algorithm', 'malformed', 'algorithm']);
  }
  // Signed rightly by one of the keys, but saying something else.
  expect(verdict(rsa.token(CLAIMS, { alg: 'none' }))).toBe('algorithm');
});

test('a public key is no secret: HMAC by it is refused in every form that the key has', () => {
  const spki = rsa.publicKey.export({ type: 'spki', format: 'pem' });
  for (const secret of [spki, rsa.publicKey.export({ type: 'pkcs1', format: 'pem' }), rsa.publicKey.export({ type: 'spki', format: 'der' }), JSON.stringify(rsa.jwk()), '']) {
    expect(verdict(hmacToken(CLAIMS, secret, { kid: rsa.id }))).toBe('algorithm');
  }
  // A set with a secret in it has no secret here.
  const secret = Buffer.alloc(32, 7);
  const set = jwks({ kty: 'oct', k: secret.toString('base64url'), kid: 'oct', alg: 'HS256' }, rsa);
  expect(KeySet.parse(set).size).toBe(1);
  expect(verdict(hmacToken(CLAIMS, secret, { kid: 'oct' }), { keys: { kind: 'local', jwks: set } })).toBe('algorithm');
});

test('a key is used with its own type, curve, algorithm and name', () => {
  // ES256's signature, said to be of another algorithm, and one of another curve under its name.
  for (const alg of ALGORITHMS.filter((name) => name !== 'ES256')) expect(verdict(ec.token(CLAIMS, { alg }))).toBe('unknown_key');
  const p384 = new IssuerKey('ES384', ec.id);
  expect(verdict(p384.token(CLAIMS, { alg: 'ES256' }))).toBe('signature');
  expect(verdict(rsa.token(CLAIMS, { kid: ec.id }))).toBe('unknown_key');
  expect(verdict(rsa.token(CLAIMS, { kid: 'nobody' }))).toBe('unknown_key');
  expect(verdict(rsa.token(CLAIMS, { kid: 7 }))).toBe('malformed');
  // A key of RSA without `alg` verifies by PKCS #1 and PSS, and one with it by that alone.
  const open = jwks(rsa.jwk({ alg: undefined }));
  expect(verdict(rsa.token(CLAIMS), { keys: { kind: 'local', jwks: open } })).toBe('valid');
  expect(verdict(rsa.token(CLAIMS, { alg: 'PS256' }), { keys: { kind: 'local', jwks: open } })).toBe('signature');
  expect(verdict(rsa.token(CLAIMS, { alg: 'PS256' }), { keys: { kind: 'local', jwks: jwks(rsa) } })).toBe('unknown_key');
  // The name of the key in the header alone is nobody's key.
  const own = new IssuerKey('RS256', 'mine');
  expect(verdict(own.token(CLAIMS, { jwk: own.jwk() }))).toBe('unknown_key');
  expect(verdict(own.token(CLAIMS, { jwk: own.jwk(), jku: 'https://evil.example/jwks', kid: undefined }))).toBe('unknown_key');
  // Both names of EdDSA.
  expect(verdict(ed.token(CLAIMS, { alg: 'Ed25519' }))).toBe('valid');
});

test('keys that are of no use are passed over; a set without any is an error', () => {
  const short = new IssuerKey('RS256', 'short', 1024);
  const set = KeySet.parse(jwks(
    short, rsa.jwk({ use: 'enc' }), rsa.jwk({ key_ops: ['encrypt'] }), { kty: 'EC', crv: 'secp256k1', x: 'AA', y: 'AA' }, { kty: 'RSA', n: '!', e: 'AQAB' }, {},
    { kty: 'OKP', crv: 'X25519', x: ed.jwk().x }, { kty: 'EC', crv: 'P-256', x: ed.jwk().x, y: ed.jwk().x }, ed,
  ));
  expect(set.size).toBe(1);
  expect(() => KeySet.parse(jwks(short))).toThrow('has no key that can verify a signature, of 1');
  for (const text of ['', '<html>', 'null', '[]', '{}', '{"keys":{}}']) expect(() => KeySet.parse(text)).toThrow();
  // The private part of a key that somebody published is not read.
  const leaked = { ...rsa.privateKey.export({ format: 'jwk' }), kid: 'leaked', alg: 'RS256' };
  expect(verdict(rsa.token(CLAIMS, { kid: 'leaked' }), { keys: { kind: 'local', jwks: jwks(leaked) } })).toBe('valid');
});

test('what a header demands and is not understood is refused, and so is a token for another purpose', () => {
  expect(verdict(rsa.token(CLAIMS, { crit: ['exp'], exp: 1 }))).toBe('critical');
  expect(verdict(rsa.token(CLAIMS, { crit: [] }))).toBe('critical');
  expect(verdict(rsa.token(CLAIMS, { b64: false, crit: ['b64'] }))).toBe('critical');
  for (const typ of ['JWT', 'jwt', 'at+jwt', 'application/at+jwt', undefined]) expect(verdict(rsa.token(CLAIMS, { typ }))).toBe('valid');
  for (const typ of ['logout+jwt', 'dpop+jwt', 'secevent+jwt', 7]) expect(verdict(rsa.token(CLAIMS, { typ }))).toBe('type');
});

test('issuer, audience and times', () => {
  const with_ = (changes: object) => verdict(rsa.token({ ...CLAIMS, ...changes }));
  expect([with_({ iss: `${ISSUER}/` }), with_({ iss: undefined }), with_({ iss: [ISSUER] })]).toEqual(['issuer', 'issuer', 'issuer']);
  expect([with_({ aud: ['other', 'payment'] }), with_({ aud: 'Payment' }), with_({ aud: undefined }), with_({ aud: ['payments'] })])
    .toEqual(['valid', 'audience', 'audience', 'audience']);
  // The second at which it expires is not one of its own; clocks may differ by a minute.
  expect([with_({ exp: SECONDS - 60 }), with_({ exp: SECONDS - 59.9 }), with_({ exp: undefined }), with_({ exp: '9999999999' }), with_({ exp: -1 })])
    .toEqual(['expired', 'valid', 'no_expiration', 'malformed', 'malformed']);
  expect([with_({ nbf: SECONDS + 60 }), with_({ nbf: SECONDS + 61 }), with_({ nbf: true })]).toEqual(['valid', 'not_yet_valid', 'malformed']);
  expect(verdict(rsa.token({ ...CLAIMS, exp: undefined }), { requireExpiration: false })).toBe('valid');
});

test('a token that is remembered expires all the same, and only so many are', () => {
  const one = provider({ cacheSize: 2 });
  const tokens = [1, 2, 3].map((jti) => rsa.token({ ...CLAIMS, jti }));
  for (const token of [...tokens, tokens[2], tokens[1]]) expect(one.verify(token, NOW, undefined)).toHaveProperty('claims');
  expect([one.hits, one.misses]).toEqual([2, 3]);
  expect(one.verify(tokens[0], NOW, undefined)).toHaveProperty('claims');
  expect([one.hits, one.misses]).toEqual([2, 4]);
  expect(one.verify(tokens[2], NOW + 359_999, undefined)).toHaveProperty('claims');
  expect(one.verify(tokens[2], NOW + 360_000, undefined)).toBe('expired');
});

test('a token has its bounds', () => {
  expect(verdict(rsa.token({ ...CLAIMS, pad: 'x'.repeat(20_000) }))).toBe('too_large');
  expect(verdict(rsa.token({ ...CLAIMS, pad: 'x'.repeat(8000) }))).toBe('valid');
  for (const token of ['', '.', '..', 'a.b', 'a.b.c.d.e', 'a.b.c', `${rsa.token(CLAIMS)}=`, ` ${rsa.token(CLAIMS)}`, rsa.token('"text"'), rsa.token('[1]'), rsa.token('null')]) {
    expect(verdict(token)).toBe('malformed');
  }
  // An overlong form of a slash is no UTF-8.
  expect(verdict(rsa.token(CLAIMS).replace(/\.[^.]+\./, `.${Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]).toString('base64url')}.`))).toBe('malformed');
});

test('any bytes get a verdict and no exception', () => {
  const part = fc.oneof(fc.base64String(), fc.string(), fc.jsonValue().map((value) => encoded(value)));
  fc.assert(fc.property(fc.array(part, { maxLength: 5 }), (parts) => verdict(parts.join('.')) !== 'valid'), { numRuns: 500 });
  // Headers of every kind before a signature that is right for its bytes.
  fc.assert(fc.property(fc.dictionary(fc.constantFrom('alg', 'kid', 'typ', 'crit', 'b64', 'zip', 'x5c'), fc.jsonValue()), (header) =>
    ['malformed', 'algorithm', 'critical', 'type', 'unknown_key', 'signature', 'valid'].includes(verdict(ed.token(CLAIMS, header)))), { numRuns: 200 });
});

/** Where we are stricter than jose, and why. */
function isOurs(token: string): boolean {
  const header = JSON.parse(Buffer.from(token.split('.')[0], 'base64url').toString()) as Record<string, unknown>;
  // Types of tokens for other purposes, which jose leaves to whoever asks it.
  return header.typ !== undefined && !/^(?:application\/)?(?:at\+)?jwt$/i.test(String(header.typ));
}

test('jose has the same opinion of every token, whatever was done to it', () => {
  const change = fc.record({
    key: fc.constantFrom(...KEYS.values()),
    header: fc.dictionary(fc.constantFrom('alg', 'kid', 'typ', 'crit'),
      fc.constantFrom<unknown>(...ALGORITHMS, 'none', 'HS256', ...[...KEYS.values()].map(({ id }) => id), 'JWT', 'at+jwt', 'logout+jwt', ['exp'], 1), { maxKeys: 1 }),
    claims: fc.dictionary(fc.constantFrom('iss', 'aud', 'exp', 'nbf'),
      fc.constantFrom<unknown>(ISSUER, 'payment', ['payment', 'x'], SECONDS - 61, SECONDS - 59, SECONDS + 59, SECONDS + 61, '1', null), { maxKeys: 1 }),
    cut: fc.option(fc.nat(), { freq: 5 }),
  });
  const tokens = fc.sample(change, { numRuns: 400, seed: 20_261_125 }).map(({ key, header, claims, cut }) => {
    const token = key.token({ ...CLAIMS, ...claims }, header);
    if (cut === null) return token;
    const at = cut % token.length;
    return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
  });
  const input = JSON.stringify({ jwks: ALL, issuer: ISSUER, audience: 'payment', now: NOW, clockTolerance: 60, tokens });
  const verdicts = JSON.parse(execFileSync(process.execPath, [join(__dirname, 'jose.mjs')], { input, encoding: 'utf8' })) as string[];
  const ours = tokens.map((token) => verdict(token));
  const differ = tokens.flatMap((token, i) => ((verdicts[i] === 'valid') === (ours[i] === 'valid') || isOurs(token) ? [] : [[verdicts[i], ours[i], token]]));
  expect(differ).toEqual([]);
  expect(ours.filter((one) => one === 'valid').length).toBeGreaterThan(40);
  expect(new Set(ours).size).toBeGreaterThan(6);
});
