import { App } from 'cdk8s';
import { PublishedNumbers } from '../../examples/published-numbers/published';

/** Everything that a synth says: errors that stop it, and warnings on standard error. */
function findings(): { readonly errors: string; readonly warnings: string } {
  const said = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  const app = new App();
  new PublishedNumbers(app, 'published');
  let errors = '';
  try {
    app.synthYaml();
  } catch (error) {
    errors = (error as Error).message;
  }
  const warnings = said.mock.calls.map(([text]) => String(text)).join('');
  said.mockRestore();
  return { errors, warnings };
}

test('the published numbers are refused, all conflicts at once, each with its sum and its fix', () => {
  const { errors, warnings } = findings();
  const lines = errors.split('\n').map((line) => line.trim()).filter((line) => /MW\d{3}/.test(line));
  expect(lines).toHaveLength(5);
  expect(errors).toMatch(/MW112 published\/payment: .*4 tries x 500ms \+ 700ms backoff = 2s700ms: must fit in the total timeout of 2s; write /);
  expect(errors).toMatch(/MW116 published\/payment: retry of POST: must be a method that is idempotent/);
  expect(errors).toMatch(/MW118 published\/payment: rateLimits admit 100,000 req\/s x 50ms = 5,000 in flight: .*5 pods x 100 connections = 500/);
  expect(errors).toMatch(/MW113 published\/ledger: .*200ms \+ 400ms \+ 800ms = 1s400ms: must be shorter than the total timeout of 1s/);
  expect(errors).toMatch(/MW113 published\/ingest: .*50ms \+ 100ms \+ 200ms = 350ms: must be shorter than the total timeout of 200ms/);
  // The two breakers at 5 with three retries; the sensors' one at 10 is none.
  expect([...warnings.matchAll(/warning MW107 published\/(\w+):/g)].map(([, service]) => service)).toEqual(['ledger', 'payment']);
});
