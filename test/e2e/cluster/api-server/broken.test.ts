import { join } from 'node:path';
import type { ApiObject, HttpKubernetesApi } from '../../../../runtime/control-plane/kubernetes';
import { goldenTest } from '../../../golden';
import { administrator, prepare, refusalOf, ROOT } from './support';

interface Case { readonly name: string; readonly patch: object }

let api: HttpKubernetesApi;
beforeAll(async () => {
  api = administrator();
  await prepare(api, 'shop');
});
afterAll(() => api.close());

/** JSON Merge Patch, RFC 7396. */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const made: Record<string, unknown> = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete made[key];
    else made[key] = merged(made[key], value);
  }
  return made;
}

/** What the API server itself says, by our definitions alone, to whoever applies a broken resource: word for word. */
goldenTest(join(ROOT, 'test/testdata/broken-resources'), async ({ documents }) => {
  const [good, cases] = documents as [ApiObject, Case[]];
  expect(await refusalOf(api, good)).toBeUndefined();
  const said: Record<string, string[]> = {};
  for (const { name, patch } of cases) {
    const refusal = await refusalOf(api, merged(good, patch) as ApiObject);
    if (refusal === undefined) throw new Error(`${name}: the API server takes it`);
    said[name] = problemsOf(refusal);
  }
  expect(Object.keys(said)).toHaveLength(cases.length);
  return said;
});

/** Said beside a problem that keeps the API server from judging the rest. */
const REST_UNKNOWN = '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';

/** The problems that a refusal lists, in an order of their own: the API server has none. */
function problemsOf(refusal: string): string[] {
  const said = refusal.replace(/^.*?Strict: 4\d\d /, '').replace(/^.*? is invalid: /, '');
  const problems = said.replace(/^\[(.*)\]$/s, '$1').split(/, (?=(?:spec[\w.[\]]*|<nil>): )/);
  return problems.filter((problem) => problem !== REST_UNKNOWN).sort();
}
