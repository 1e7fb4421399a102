import { setFlagsFromString } from 'node:v8';

/** Node 22 and later have it on. */
const MAGLEV_SINCE = 22;

/** Undoes `start-small`: from now on V8 compiles and grows as usual. */
export function startIsOver(): void {
  for (const flag of ['--semi-space-growth-factor=2', '--opt', '--sparkplug']) setFlagsFromString(flag);
  if (Number(process.versions.node.split('.')[0]) >= MAGLEV_SINCE) setFlagsFromString('--maglev');
}
