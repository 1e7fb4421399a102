import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** What `scripts/instrument.mjs` makes of a source, run: what it answers, and how many edges ran. */
function run(source: string): { answer: unknown; edges: number } {
  const program = `
    import { instrument } from ${JSON.stringify(join(__dirname, '../../scripts/instrument.mjs'))};
    let edges = 0;
    globalThis.__edge = () => { edges++; };
    const made = instrument(${JSON.stringify(source)}, 'a.js');
    console.log(JSON.stringify({ answer: new Function(made + '\\nreturn answer();')(), edges }));`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }));
}

test('counters change nothing, and count every branch', () => {
  const source = `
    class A { constructor() { this.x = 1; } get y() { return this.x > 0 ? 'yes' : 'no'; } static *many() { for (const i of [1, 2]) yield i; } }
    class B extends A { constructor() { super(); if (this.x) this.x++; else this.x--; } }
    const arrow = (v) => ({ v }), nested = (v) => (w) => v ?? w ?? 0;
    outer: for (let i = 0; i < 2; i++) for (;;) { if (i) break outer; else continue outer; }
    function pick(v) { switch (v) { case 1: case 2: return 'few'; case 3: { return 'three'; } default: return v && 'many' || 'none'; } }
    function answer() {
      const made = [new B().y, new B().x, arrow(1), nested(undefined)(undefined), nested(null)(2), pick(1), pick(3), pick(0), pick(9), [...A.many()]];
      let n = 0;
      do n++; while (n < 3);
      try { if (n) throw new Error('e'); } catch { n = 10; } finally { n++; }
      return [...made, n, (() => n > 5 ? n > 8 ? 'a' : 'b' : 'c')()];
    }`;
  const { answer, edges } = run(source);
  expect(answer).toEqual(['yes', 2, { v: 1 }, 0, 2, 'few', 'three', 'none', 'many', [1, 2], 11, 'a']);
  expect(edges).toBeGreaterThan(30);
});
