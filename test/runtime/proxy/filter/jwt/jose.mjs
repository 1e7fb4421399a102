// What jose says of tokens: an opinion of others on the same bytes. Cases by standard input, as JSON; verdicts by standard output.
import { createLocalJWKSet, jwtVerify } from 'jose';

let input = '';
for await (const chunk of process.stdin) input += chunk;
const { jwks, issuer, audience, now, clockTolerance, tokens } = JSON.parse(input);
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const keys = createLocalJWKSet(JSON.parse(jwks));
const verdicts = [];
for (const token of tokens) {
  try {
    await jwtVerify(token, keys, { algorithms, issuer, audience, clockTolerance, currentDate: new Date(now), requiredClaims: ['exp'] });
    verdicts.push('valid');
  } catch (error) {
    verdicts.push(error.code ?? error.message);
  }
}
process.stdout.write(JSON.stringify(verdicts));
