import { VirtualClock } from '../../../../runtime/clock/virtual';
import { silentLog } from '../../../../runtime/control-plane/log';
import { Issuers, jwksUriIn } from '../../../../runtime/control-plane/openid';

const LOGIN = 'https://login.example/realms/shop';
const WELL_KNOWN = `${LOGIN}/.well-known/openid-configuration`;
const HOUR = 3_600_000;

interface Asked {
  readonly url: string;
  readonly authorities: string | undefined;
  readonly at: number;
  answer(document: object): Promise<void>;
  fail(): Promise<void>;
}

/** Lets promises that are settled be told. */
const told = async () => new Promise<void>((done) => setImmediate(done));

class Run {
  readonly clock = new VirtualClock();
  readonly asked: Asked[] = [];
  readonly logged: string[] = [];
  changes = 0;
  readonly issuers = new Issuers({
    clock: this.clock,
    random: () => 0.5,
    log: { ...silentLog, info: (_, message) => { this.logged.push(message); }, warning: (_, message) => { this.logged.push(message); } },
    fetch: async (url, authorities) => new Promise((resolve, reject) => {
      this.asked.push({
        url, authorities, at: this.clock.now(),
        answer: async (document) => { resolve(JSON.stringify(document)); await told(); },
        fail: async () => { reject(new Error('connect ECONNREFUSED')); await told(); },
      });
    }),
    changed: () => { this.changes++; },
  });

  get last(): Asked {
    return this.asked.at(-1)!;
  }
}

const asking = (...issuers: string[]) => new Map(issuers.map((issuer) => [issuer, undefined]));
const said = (jwksUri: string) => ({ issuer: LOGIN, jwks_uri: jwksUri });

test('an issuer is asked once, and again every hour; only what is new is told', async () => {
  const { issuers, clock, asked, ...run } = new Run();
  issuers.ask(asking(LOGIN));
  issuers.ask(asking(LOGIN));
  expect(asked.map(({ url }) => url)).toEqual([WELL_KNOWN]);
  expect(issuers.known.size).toBe(0);
  await asked[0].answer(said('https://keys.example/1'));
  expect([...issuers.known]).toEqual([[LOGIN, 'https://keys.example/1']]);
  clock.advance(HOUR - 1);
  expect(asked).toHaveLength(1);
  clock.advance(1);
  await asked[1].answer(said('https://keys.example/1'));
  clock.advance(HOUR);
  await asked[2].answer(said('https://keys.example/2'));
  expect(issuers.known.get(LOGIN)).toBe('https://keys.example/2');
  issuers.close();
  expect(clock.timers).toBe(0);
  expect(run.logged).toEqual(['an issuer has said where its keys are', 'an issuer has said where its keys are']);
});

test('while it is away nothing changes; it is asked ever later, and logged once', async () => {
  const run = new Run();
  const { issuers, clock, asked } = run;
  issuers.ask(asking(LOGIN));
  await run.last.answer(said('https://keys.example/1'));
  clock.advance(HOUR);
  const waits: number[] = [];
  for (let i = 0; i < 12; i++) {
    const { at } = run.last;
    await run.last.fail();
    for (const { length } = asked; asked.length === length;) clock.advance(1000);
    waits.push(run.last.at - at);
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300].map((seconds) => seconds * 1000));
  expect([issuers.known.get(LOGIN), run.changes]).toEqual(['https://keys.example/1', 1]);
  expect(run.logged.filter((message) => message.includes('does not say'))).toHaveLength(1);
  issuers.close();
});

test('who is of no interest any more is forgotten, and an answer that is still on its way is nobody\'s', async () => {
  const run = new Run();
  run.issuers.ask(asking(LOGIN, 'https://other.example'));
  const [first] = run.asked;
  run.issuers.ask(asking('https://other.example'));
  await first.answer(said('https://keys.example/1'));
  expect([run.issuers.known.size, run.changes]).toEqual([0, 0]);
  run.issuers.close();
  await run.last.answer({ issuer: 'https://other.example', jwks_uri: 'https://other.example/keys' });
  expect([run.changes, run.clock.timers]).toEqual([0, 0]);
});

test.each<[string, unknown, string]>([
  ['another issuer', { issuer: `${LOGIN}/`, jwks_uri: 'https://keys.example' }, `it calls itself "${LOGIN}/"`],
  ['no issuer', { jwks_uri: 'https://keys.example' }, 'it calls itself undefined'],
  ['nothing of keys', { issuer: LOGIN }, 'it has no jwks_uri that is a URL'],
  ['a path', { issuer: LOGIN, jwks_uri: '/keys' }, 'it has no jwks_uri that is a URL'],
  ['credentials', { issuer: LOGIN, jwks_uri: 'https://user:password@keys.example' }, 'it has no jwks_uri that is a URL'],
  ['less safe keys', { issuer: LOGIN, jwks_uri: 'http://keys.example' }, 'its jwks_uri is not https'],
  ['a file', { issuer: LOGIN, jwks_uri: 'file:///etc/passwd' }, 'its jwks_uri is not https'],
  ['null', null, 'it calls itself undefined'],
])('a document with %s is refused', (_, document, problem) => {
  expect(() => jwksUriIn(JSON.stringify(document), LOGIN)).toThrow(problem);
});

test('a document that is none is refused; plain text may lead to plain text', () => {
  expect(() => jwksUriIn('<html>', LOGIN)).toThrow('it answers no JSON');
  expect(jwksUriIn(JSON.stringify({ issuer: 'http://127.0.0.1:1', jwks_uri: 'http://127.0.0.1:1/keys' }), 'http://127.0.0.1:1')).toBe('http://127.0.0.1:1/keys');
});

test('it is asked by the authorities that are named for it, at once where these change, and what it has said stays meanwhile', async () => {
  const run = new Run();
  run.issuers.ask(new Map([[LOGIN, 'ONE']]));
  await run.last.answer(said('https://login.example/jwks'));
  run.issuers.ask(new Map([[LOGIN, 'ONE']]));
  run.issuers.ask(new Map([[LOGIN, 'TWO']]));
  expect(run.asked.map(({ url, authorities }) => [url, authorities])).toEqual([[WELL_KNOWN, 'ONE'], [WELL_KNOWN, 'TWO']]);
  expect(run.issuers.known.get(LOGIN)).toBe('https://login.example/jwks');
  await run.last.fail();
  expect(run.issuers.known.get(LOGIN)).toBe('https://login.example/jwks');
});
