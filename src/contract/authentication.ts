import * as z from 'zod';
import { DURATION } from './duration';
import { ALLOWED_PATH, CERTIFICATES, CLAIM, HTTP_URL, TOKEN_HEADER } from './names';
import { exactlyOne, listMap, listSet, matching, milliseconds, positiveDuration, text, withRules } from './schema';

const URL_RULE = 'must be an http or https URL without a query, a fragment and credentials, such as https://login.example';
const url = matching(HTTP_URL, 1024, URL_RULE);
const path = matching(ALLOWED_PATH, 1024, 'must begin with / and have no empty segment and no query, such as /healthz');
/** Name of a claim, or names with dots between them on the way to one inside. */
export const claimName = matching(CLAIM, 256, 'must be the name of a claim without spaces, such as sub or org.tenant');

const KEEP_RULE = 'must be a duration of at most 168h, such as 0s, 1h or 24h';
/** A week. */
const LONGEST_KEEP = 604_800_000;
const keepFor = withRules(matching(DURATION, 20, KEEP_RULE), {
  rule: `self.matches('${DURATION}') && duration(self) <= duration('168h')`,
  message: KEEP_RULE,
  holds: (value) => !(milliseconds(value) > LONGEST_KEEP),
});

const provider = withRules(z.strictObject({
  issuer: url.describe('Who makes the tokens: `iss`, exactly.'),
  jwksUri: url.optional().describe('Where the issuer has its keys (RFC 7517).'),
  discovery: z.strictObject({}).optional().describe('Where the keys are, the issuer says at /.well-known/openid-configuration; the control plane asks.'),
  caCertificates: matching(CERTIFICATES, 65_536, 'must be certificates in PEM, with nothing before and between them').optional()
    .describe('Authorities that the certificates of the issuer, and of where its keys are, have to come from, in PEM. The public ones without it.'),
  audiences: listSet(text(256), 16, 1).describe('One of these has to be in `aud`.'),
  clockSkew: positiveDuration.describe('What clocks may differ by.'),
  forwardToken: z.boolean().describe('Whether the application gets the token.'),
  claimHeaders: listMap(z.strictObject({
    header: matching(TOKEN_HEADER, 128, 'must be the name of a header in lower case that nobody else sets, such as x-user').describe('Request header; what callers send under this name is removed.'),
    claim: claimName.describe('Claim that it has; a request whose token does not have it gets none.'),
  }), 'header', 32).optional().describe('Claims that the application gets as headers.'),
  keys: z.strictObject({
    refreshAfter: positiveDuration.describe('How long keys are good; new ones are fetched before.'),
    keepFor: keepFor.describe('How long keys stay good beyond that while the issuer cannot be reached. 0s: not at all.'),
  }).describe('The keys of the issuer, as each proxy has them.'),
}), exactlyOne('jwksUri', 'discovery'));

/** What token a request has to have, whose, and what becomes of what it says. */
export const authentication = z.strictObject({
  jwt: z.strictObject({
    providers: listMap(provider, 'issuer', 4, 1).describe('Issuers, a token of one of which is taken.'),
    token: z.enum(['required', 'optional']).describe('What becomes of a request without a token: 401, or it passes. A token that is wrong is always 401.'),
    withoutToken: z.array(withRules(z.strictObject({
      exact: path.optional().describe('The whole path, without the query.'),
      prefix: path.optional().describe('How the path begins, in whole segments.'),
    }), exactlyOne('exact', 'prefix'))).min(1).max(32).optional().describe('Paths that need no token.'),
  }).describe('JSON Web Tokens (RFC 7519), as bearer tokens (RFC 6750).'),
});

export type AuthenticationSpec = z.infer<typeof authentication>;

const value = text(256);

/** What a token has to say. */
export const claim = withRules(
  z.strictObject({
    name: claimName.describe('The claim.'),
    equals: value.optional().describe('Its text.'),
    contains: value.optional().describe('One of its values: of a list, or of words with spaces between them where the claim is scope or scp.'),
  }),
  exactlyOne('equals', 'contains'),
  {
    member: 'name',
    rule: "!has(self.equals) || !(self.name in ['scope', 'scp'])",
    message: 'must not be scope or scp with equals: they are several words, of which one is asked for with contains',
    holds: ({ name, equals }) => equals === undefined || !['scope', 'scp'].includes(name),
  },
);

export type ClaimSpec = z.infer<typeof claim>;
