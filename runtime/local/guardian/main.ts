/**
 * Ends the processes of a runner that died without doing so itself. It reads `+pid` and `-pid` lines from the runner; when the pipe ends, it ends
 * the process groups that are left: SIGTERM, SIGKILL after three seconds. Where none is left, as after an orderly end, it goes at once.
 */
import { killGroup } from '../processes';

const GRACE = 3000;
const pids = new Set<number>();
let rest = '';

process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk: string) => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop()!;
  for (const line of lines) {
    if (line.startsWith('+')) pids.add(Number(line.slice(1)));
    else pids.delete(Number(line.slice(1)));
  }
});
process.stdin.on('close', () => {
  for (const pid of pids) killGroup(pid, 'SIGTERM');
  if (pids.size > 0) setTimeout(() => { for (const pid of pids) killGroup(pid, 'SIGKILL'); }, GRACE);
});
// It ends with the pipe, not with the terminal.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
