import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKS, checkGraph } from '../../src/check';
import { CAPACITY } from './cases/capacity';
import { DESTINATIONS } from './cases/destinations';
import { EXTERNAL } from './cases/external';
import { LOCALITY } from './cases/locality';
import { OBJECTS, TOGETHER } from './cases/objects';
import { ROUTES } from './cases/routes';
import { TIMEOUTS } from './cases/timeouts';

const CASES = [...DESTINATIONS, ...ROUTES, ...TIMEOUTS, ...CAPACITY, ...LOCALITY, ...OBJECTS, ...EXTERNAL];
/** Never given to another check. */
const RETIRED = ['MW104'];
const PAGES = join(__dirname, '..', '..', 'docs', 'findings');

describe.each(CASES.map((one) => [one.code, one.name, one] as const))('%s: %s', (code, _, { fires, silent, path }) => {
  test('is found, exactly once, with value, rule and fix', () => {
    const findings = checkGraph(fires);
    expect(findings.map((finding) => [finding.code, finding.path])).toEqual([[code, path]]);
    expect(findings[0]).toMatchSnapshot();
  });

  test('put right, nothing is found', () => {
    expect(checkGraph(silent)).toEqual([]);
  });
});

test.each(TOGETHER.map((one) => [one.name, one] as const))('%s', (_, { codes, fires, silent }) => {
  expect(checkGraph(fires).map(({ code }) => code).sort()).toEqual([...codes].sort());
  expect(checkGraph(fires)).toMatchSnapshot();
  expect(checkGraph(silent)).toEqual([]);
});

describe('the registry', () => {
  test('is in the order of codes, without gaps or doubles', () => {
    const all = Array.from({ length: CHECKS.length + RETIRED.length }, (_, index) => `MW${101 + index}`);
    expect(CHECKS.map(({ code }) => code)).toEqual(all.filter((code) => !RETIRED.includes(code)));
    expect(new Set(CHECKS.map(({ name }) => name)).size).toBe(CHECKS.length);
  });

  test('has a case of each check, and a file named as the check', () => {
    const shown = new Set<string>([...CASES.map(({ code }) => code), ...TOGETHER.flatMap(({ codes }) => codes)]);
    expect(CHECKS.filter(({ code }) => !shown.has(code)).map(({ code }) => code)).toEqual([]);
    const files = readdirSync(join(__dirname, '..', '..', 'src', 'check'));
    expect(CHECKS.filter(({ name }) => !files.includes(`${name}.ts`)).map(({ name }) => name)).toEqual([]);
  });

  test.each(CHECKS.map((check) => [check.code, check] as const))('%s has a page that says what, why, the right way and how to acknowledge', (code, { name, severity }) => {
    const file = join(PAGES, `${code}.md`);
    expect(existsSync(file)).toBe(true);
    const page = readFileSync(file, 'utf8');
    expect(page.split('\n')[0]).toBe(`# ${code} ${name} (${severity})`);
    for (const heading of ['## In production', '## Wrong', '## Right', '## Acknowledging']) expect(page).toContain(`\n${heading}\n`);
    if (severity === 'warning') expect(page).toContain(`acknowledge('${code}', `);
  });
});
