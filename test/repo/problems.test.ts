import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS } from '../../runtime/proxy/error';

/** Problems that filters make: docs/problems.md has them too. */
const OF_FILTERS = [{ problem: 'rate-limited', status: 429, flag: 'RL' }];

test('every problem type has its row in docs/problems.md, with its status and flag, and no row is left over', () => {
  const page = readFileSync(join(__dirname, '../../docs/problems.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([^`]+)` \| (\d+) \| (\w*) \| (.+) \|$/gm)].map(([, problem, status, flag]) => `${problem} ${status} ${flag}`);
  const problems = [...Object.values(ERRORS), ...OF_FILTERS].map(({ problem, status, flag }) => `${problem} ${status} ${flag ?? ''}`);
  expect(rows.sort()).toEqual([...new Set(problems)].sort());
});
