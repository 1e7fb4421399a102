import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKS } from '../../src/check';
import { Code } from '../../src/private/finding';
import { diagnose, outcome } from '../mistakes/program';

const FOLDER = join(__dirname, '..', '..', 'docs', 'findings');

interface Page {
  readonly code: string;
  readonly severity: string;
  readonly wrong: string;
  readonly right: string;
}

function page(file: string): Page {
  const text = readFileSync(join(FOLDER, file), 'utf8');
  const [, code, severity] = /^# (MW\d{3}) [a-z0-9-]+ \((error|warning)\)$/m.exec(text)!;
  const program = (heading: string): string => new RegExp(`## ${heading}\\n\\n\`\`\`ts\\n([^]*?)\`\`\``).exec(text)![1]!;
  return { code: code!, severity: severity!, wrong: program('Wrong'), right: program('Right') };
}

const PAGES = readdirSync(FOLDER).filter((file) => file.startsWith('MW')).sort().map(page);

test('each code has a page, and each page a code', () => {
  const codes: string[] = [...CHECKS.map(({ code }) => code), ...Object.values(Code)];
  expect(PAGES.map(({ code }) => code)).toEqual(codes.sort());
});

describe.each(PAGES.map((one) => [one.code, one] as const))('the page of %s', (code, { severity, wrong, right }) => {
  test('shows a program that gives the finding', () => {
    const found = outcome(wrong);
    const codes = [code];
    expect(found).toMatchObject(severity === 'error' ? { errors: codes } : { errors: [], warnings: codes });
  });

  test('shows the program put right, which gives none', () => {
    expect(outcome(right)).toMatchObject({ errors: [], warnings: [] });
  });
});

test('all of the programs compile', () => {
  const programs = PAGES.flatMap(({ code, wrong, right }) => [[`${code}-wrong`, wrong], [`${code}-right`, right]]);
  const said = Object.entries(diagnose(Object.fromEntries(programs))).filter(([, diagnostics]) => diagnostics.length > 0);
  expect(said).toEqual([]);
});
