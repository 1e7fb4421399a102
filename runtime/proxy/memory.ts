import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const NODE = Number(process.versions.node.split('.')[0]);
/** Node that has Maglev on, and collections of last resort. */
const MAGLEV_SINCE = 22;
const LAST_RESORT_SINCE = 22;

/**
 * The path of a request is many small functions, more than V8 puts into one another by default (460 and 920 bytes): with these a request of HTTP/1.1
 * costs 7 % less of our own time.
 */
const INLINING = ['--max-inlined-bytecode-size=1000', '--max-inlined-bytecode-size-cumulative=2500'];

/** Undoes `start-small`: from now on V8 compiles and grows as usual. */
export function startIsOver(): void {
  for (const flag of ['--semi-space-growth-factor=2', '--opt', '--sparkplug', ...INLINING]) setFlagsFromString(flag);
  if (NODE >= MAGLEV_SINCE) setFlagsFromString('--maglev');
}

/** How many collections a function may sleep through before V8 forgets its bytecode: its default, and at once. */
const USUAL_AGE = 6;
const AT_ONCE = 0;

/**
 * Gives back what the start left: of a proxy that mostly waits V8 would collect it in hours. A usual collection frees nearly nothing, since what lives is
 * on every page; the one of last resort moves it together, and makes the young generation small until there is traffic. That is 4 MB for some 40 ms, once,
 * as the proxy becomes ready with its first configuration, before there is traffic. What functions were compiled to goes, too: most are of the start alone,
 * and one that is called again is compiled again.
 */
export function compact(): void {
  if (NODE < LAST_RESORT_SINCE) return;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;
  for (const flag of ['--no-expose-gc', `--bytecode-old-age=${AT_ONCE}`]) setFlagsFromString(flag);
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  setFlagsFromString(`--bytecode-old-age=${USUAL_AGE}`);
}
