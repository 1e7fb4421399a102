import type { Finding } from '../check/finding';
import { DNS_LABEL, DNS_SUBDOMAIN, HEADER_NAME } from '../contract/names';
import { requestTimeout } from '../contract/traffic';
import type { HeaderChanges, HttpFilter } from '../http-filter';
import type { HttpMatch, StringMatch } from '../http-match';
import type { HttpRoute } from '../http-route';
import type { HttpRule, Weighted } from '../http-rule';
import { contractFindings } from './contract-issues';
import { Code, error, shown } from './finding';
import { parseLocation, ruleName } from './http-route-spec';

/** Gateway API's bounds of an HTTPRoute. */
const MAX_RULES = 16;
const MAX_MATCHES = 64;
const MAX_MATCHES_OF_ROUTE = 128;
const MAX_BACKENDS = 16;
const MAX_WEIGHT = 1_000_000;
const MAX_PATH = 1024;
const MAX_NAME = 256;
const MAX_VALUE = 4096;
/** Headers or parameters in a match, changes in a filter. */
const MAX_ITEMS = 16;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

const HEADER_RULE = 'must be a header field name (RFC 9110 §5.1)';

/** Tells of one thing that is wrong. */
export type Bad = (value: string, rule: string, fix: string) => void;

/** A rule of either kind. */
interface AnyRule {
  readonly _backends: readonly Weighted[];
  readonly _percent: number | undefined;
  readonly _options: { readonly name?: string; readonly matches?: readonly unknown[] };
}

/** A route of either kind. */
interface AnyRoute<R extends AnyRule> {
  readonly node: { readonly path: string };
  readonly _name: string;
  readonly _rules: readonly R[];
}

/** What Gateway API would refuse, or could not say. */
export function routeFindings(route: HttpRoute): Finding[] {
  const findings: Finding[] = [];
  const all = inEachRule(route, 'HttpRule', (rule, bad, name) => {
    if (rule._redirect === undefined) destinations(rule, 'HttpRule', bad);
    else redirectFindings(rule._redirect, rule, bad);
    (rule._options.matches ?? []).forEach((match, place) => matchFindings(match, `matches[${place}]`, bad));
    filterFindings(rule, bad);
    findings.push(...timeoutFindings(route.node.path, name, rule));
  });
  return [...all, ...findings];
}

/** The bounds of a route as a whole and the names of its rules; and what `look` finds in each of them. */
export function inEachRule<R extends AnyRule>(
  { node: { path }, _name: routeName, _rules: rules }: AnyRoute<R>, ruleClass: string, look: (rule: R, bad: Bad, name: string) => void,
): Finding[] {
  const findings: Finding[] = [];
  const bad: Bad = (value, rule, fix) => findings.push(error(Code.ROUTE, path, value, rule, fix));
  if (!new RegExp(DNS_SUBDOMAIN).test(routeName)) bad(`name: ${shown(routeName)}`, 'must be a DNS name in lower case', 'give the construct another id, or set its name');
  const amount = rules.length;
  if (amount === 0 || amount > MAX_RULES) bad(`rules: ${amount}`, `must be 1 to ${MAX_RULES}`, amount === 0 ? `write rules: [${ruleClass}.forward(…)]` : 'write a second route');
  const matches = rules.reduce((sum, rule) => sum + (rule._options.matches?.length ?? 1), 0);
  if (matches > MAX_MATCHES_OF_ROUTE) bad(`matches: ${matches} in all`, `must be at most ${MAX_MATCHES_OF_ROUTE}`, 'write a second route');
  const names = new Set<string>();
  rules.forEach((rule, index) => {
    const name = ruleName(rule, index);
    if (names.has(name)) bad(`${name}: name`, 'stands twice in the route', 'give each rule a name of its own');
    names.add(name);
    const inRule: Bad = (value, sentence, fix) => bad(`${name}: ${value}`, sentence, fix);
    if (!new RegExp(DNS_LABEL).test(name)) inRule('name', 'must be a DNS label', 'write a name such as canary');
    if ((rule._options.matches?.length ?? 0) > MAX_MATCHES) inRule(`matches: ${rule._options.matches!.length}`, `must be at most ${MAX_MATCHES}`, 'write a second rule');
    look(rule, inRule, name);
  });
  return findings;
}

function redirectFindings({ location, statusCode }: NonNullable<HttpRule['_redirect']>, { _options: options }: HttpRule, bad: Bad): void {
  if (!REDIRECTS.includes(statusCode)) {
    bad(`redirect statusCode: ${shown(statusCode)}`, `must be one of ${REDIRECTS.join(', ')}`, 'write HttpRule.redirect(location, 308)');
  }
  if (parseLocation(location) === undefined) {
    bad(`redirect location: ${shown(location)}`, 'must be a path, or a URL of http or https without a query', 'write a location such as https://shop.example/new');
  }
  if (options.timeout !== undefined || options.retry !== undefined) bad('timeout, retry', 'have no effect on a redirect, no backend is asked', 'take them out');
}

/** The backends of a rule and their shares. */
export function destinations({ _backends: backends, _percent: percent }: AnyRule, ruleClass: string, bad: Bad): void {
  if (backends.length === 0 || backends.length > MAX_BACKENDS) bad(`backends: ${backends.length}`, `must be 1 to ${MAX_BACKENDS}`, `write ${ruleClass}.split([Weighted.of(service, 1), …])`);
  if (percent !== undefined && !isWhole(percent, 100)) {
    bad(`percent: ${shown(percent)}`, 'must be a whole number, 0 to 100', `write ${ruleClass}.canary(version, 5)`);
  }
  const seen = new Set<string>();
  for (const { _backend: backend, _weight: weight } of backends) {
    const { backendName: name, backendNamespace: namespace } = backend;
    const full = `${name}.${namespace}`;
    if (percent === undefined && !isWhole(weight, MAX_WEIGHT)) {
      bad(`weight of ${name}: ${shown(weight)}`, 'must be a whole number, 0 to 1,000,000', 'write whole shares, such as 95 and 5');
    }
    if (seen.has(full)) bad(`backend ${full}`, 'stands twice in the rule', 'add its weights up');
    seen.add(full);
  }
  if (backends.length > 0 && backends.every(({ _weight: weight }) => weight === 0)) bad('weights: all 0', 'one must be above 0, or every request is answered 500', 'write whole shares, such as 95 and 5');
}

function isWhole(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}

function matchFindings({ path, headers = {}, queryParams = {} }: HttpMatch, where: string, bad: Bad): void {
  if (path !== undefined) {
    const { _kind: kind, _value: value } = path;
    const name = `${where}.path: ${shown(value)}`;
    if (kind === 'regex') valueFindings(path, name, bad);
    else if (!value.startsWith('/')) bad(name, 'must begin with /', `write StringMatch.${kind}('/${value}')`);
    else if (/\/\/|\/\.{1,2}(\/|$)|%2f|[?#\s]/i.test(value)) bad(name, 'must be a path without //, /./, /../, %2F, query or white space', 'write the path as a request has it');
    if (value.length > MAX_PATH) bad(name, `must have at most ${MAX_PATH} characters`, 'match a prefix of it');
  }
  tooMany(`${where}.queryParams`, Object.keys(queryParams).length, bad);
  headerMatchFindings(headers, where, bad);
  for (const [name, match] of Object.entries(queryParams)) {
    if (name === '' || name.length > MAX_NAME) bad(`${where}.queryParams: ${shown(name)}`, `must have 1 to ${MAX_NAME} characters`, 'write the name of the parameter');
    valueFindings(match, `${where}.queryParams.${name}: ${shown(match._value)}`, bad);
  }
}

/** Matches of headers, of either kind of route. */
export function headerMatchFindings(headers: Readonly<Record<string, StringMatch>>, where: string, bad: Bad): void {
  tooMany(`${where}.headers`, Object.keys(headers).length, bad);
  const seen = new Set<string>();
  for (const [header, match] of Object.entries(headers)) {
    const name = `${where}.headers: ${shown(header)}`;
    if (header.startsWith(':')) bad(name, 'is no header', 'match path or method instead');
    else if (!isHeader(header)) bad(name, HEADER_RULE, 'write a name such as x-user');
    if (seen.has(header.toLowerCase())) bad(name, 'stands twice, names of headers have no case', 'take one of them out');
    seen.add(header.toLowerCase());
    valueFindings(match, `${where}.headers.${header}: ${shown(match._value)}`, bad);
  }
}

/** Whether an expression is one is judged with the whole graph. */
export function valueFindings({ _kind: kind, _value: value }: StringMatch, name: string, bad: Bad): void {
  const longest = kind === 'exact' ? MAX_VALUE : MAX_PATH;
  if (value === '') bad(name, 'must not be empty', 'take the match out, or write StringMatch.regex(\'.+\')');
  else if (value.length > longest) bad(name, `must have at most ${longest} characters`, 'match less of it');
}

function tooMany(name: string, amount: number, bad: Bad): void {
  if (amount > MAX_ITEMS) bad(`${name}: ${amount}`, `must be at most ${MAX_ITEMS}`, 'leave some of them to the application');
}

/** Filters of a rule, of either kind of route. */
export function filterFindings({ _options: { filters = [], matches = [] }, _redirect: redirect }: Partial<HttpRule> & Pick<HttpRule, '_options'>, bad: Bad): void {
  const kinds = new Set<string>();
  for (const { _spec: spec } of filters) {
    if (kinds.has(spec.kind) && spec.kind !== 'mirror') bad(`filters: ${spec.kind}`, 'stands twice, Gateway API takes each kind once', 'put all changes into one');
    kinds.add(spec.kind);
    if ('changes' in spec) headerFindings(spec.changes, spec.kind, bad);
    else if (spec.kind === 'mirror') mirrorFindings(spec.percent, redirect !== undefined, bad);
    else rewriteFindings(spec.kind, spec.value, bad);
  }
  if (kinds.has('rewritePath') && kinds.has('rewritePrefix')) bad('filters: rewritePath and rewritePrefix', 'exclude each other', 'take one out');
  const rewrites = filters.some(({ _spec: { kind } }: HttpFilter) => kind.startsWith('rewrite'));
  if (redirect !== undefined && rewrites) bad('filters: rewrite', 'excludes a redirect', 'put host and path into the location of the redirect');
  if (kinds.has('rewritePrefix') && (matches.length !== 1 || matches[0]!.path?._kind !== 'prefix')) {
    bad(`filters: rewritePrefix with ${matches.length} matches`, 'needs exactly one match, by path prefix', 'write matches: [{ path: StringMatch.prefix(\'/old\') }]');
  }
}

function mirrorFindings(percent: number, redirects: boolean, bad: Bad): void {
  const fix = 'write a whole number, such as HttpFilter.mirror(shadow, 10) for a tenth of the requests';
  if (!Number.isInteger(percent) || percent < 0 || percent > 100) bad(`filters: mirror: percent: ${shown(percent)}`, 'must be a whole number, 0 to 100', fix);
  if (redirects) bad('filters: mirror', 'excludes a redirect: there is no request that is passed on', 'take the mirror out');
}

function isHeader(name: string): boolean {
  return name.length <= MAX_NAME && new RegExp(HEADER_NAME).test(name.toLowerCase());
}

function rewriteFindings(kind: string, value: string, bad: Bad): void {
  if (kind === 'rewriteHost') {
    if (!new RegExp(DNS_SUBDOMAIN).test(value)) bad(`rewriteHost: ${shown(value)}`, 'must be a DNS name without a port', 'write HttpFilter.rewriteHost(\'payment.example\')');
  } else if (!/^\/[^?#\s]*$/.test(value) || value.length > MAX_PATH) {
    bad(`${kind}: ${shown(value)}`, 'must be a path that begins with /, without a query', `write HttpFilter.${kind}('/new')`);
  }
}

function headerFindings({ set = {}, add = {}, remove = [] }: HeaderChanges, kind: string, bad: Bad): void {
  for (const [member, amount] of Object.entries({ set: Object.keys(set).length, add: Object.keys(add).length, remove: remove.length })) {
    tooMany(`${kind}.${member}`, amount, bad);
  }
  const seen = new Set<string>();
  for (const name of [...Object.keys(set), ...Object.keys(add), ...remove].map((header) => header.toLowerCase())) {
    if (!isHeader(name)) bad(`${kind}: ${shown(name)}`, HEADER_RULE, 'write a name such as x-user');
    if (name === 'host') bad(`${kind}: host`, 'cannot be changed as a header', 'write HttpFilter.rewriteHost(…)');
    if (seen.has(name)) bad(`${kind}: ${name}`, 'stands twice', 'name each header once in set, add and remove');
    seen.add(name);
  }
  for (const [name, value] of [...Object.entries(set), ...Object.entries(add)]) {
    // A line break in a value would begin a header of its own.
    if (/[\0\r\n]/.test(value)) bad(`${kind}.${name}: ${shown(value)}`, 'must not contain a line break', 'write the value on one line');
    else if (value === '' || value.length > MAX_VALUE) bad(`${kind}.${name}: ${shown(value)}`, `must have 1 to ${MAX_VALUE} characters`, 'write a value, or remove the header');
  }
}

function timeoutFindings(path: string, name: string, { _options: options }: HttpRule): Finding[] {
  if (options.timeout === undefined) return [];
  const document = { spec: { timeout: options.timeout._toSpec() } };
  const issues = requestTimeout.safeParse(document.spec.timeout).error?.issues ?? [];
  return contractFindings(path, document, issues.map((issue) => ({ ...issue, path: ['spec', 'timeout', ...issue.path] })))
    .map((finding) => ({ ...finding, value: `${name}: ${finding.value}` }));
}
