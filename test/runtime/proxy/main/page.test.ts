import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { adminRoutes, type Operated } from '../../../../runtime/proxy/admin';
import { USAGE } from '../../../../runtime/proxy/bootstrap/command-line';
import { LOGGED_HEADERS, OPERATORS } from '../../../../runtime/proxy/observe/format';

describe('docs/proxy.md', () => {
  const page = readFileSync(join(__dirname, '../../../../docs/proxy.md'), 'utf8');

  test('has every option, every admin page and every operator of the access log', () => {
    const options = [...USAGE.matchAll(/--[a-z-]+/g)].map(([option]) => option);
    const pages = [...adminRoutes({} as Operated)].filter(([path]) => path !== '/').map(([path, { method }]) => `${method} ${path}`);
    expect(options.length).toBeGreaterThan(10);
    const missing = [...options, ...pages, ...OPERATORS, ...LOGGED_HEADERS].filter((word) => !page.includes(word));
    expect(missing).toEqual([]);
  });
});
