import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Memory in bytes that the test's process may have before it is taken for lost. Ten minutes of every kind of request need a fifth of it. */
const ROOM = 2 * 1024 ** 3;
/** Interval in milliseconds at which its memory is looked at: what is lost takes gigabytes in some seconds. */
const LOOK = 250;
/** Runs until one is not lost. */
const TRIES = 3;

function residentBytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
  } catch {
    return 0;
  }
}

/**
 * Runs this program again, as a child that does the work, and repeats it where node:http2, which plays the clients and the services, has lost itself:
 * a stream that it closes makes it write without end now and then, until there is no memory left (https://github.com/nodejs/node/issues/52952). That
 * says nothing about the proxy. The proxy is a process of its own; if that one ends, the child sees it and fails.
 */
export async function supervised(args: readonly string[]): Promise<number> {
  for (let run = 1; ; run++) {
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1], ...args], {
      stdio: 'inherit', env: { ...process.env, MESHWRIGHT_INTEGRITY_CHILD: '1' },
    });
    let lost = false;
    const watch = setInterval(() => {
      if (residentBytes(child.pid!) < ROOM) return;
      lost = true;
      child.kill('SIGKILL');
    }, LOOK);
    const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (...how) => resolve(how));
    });
    clearInterval(watch);
    if (status !== null) return status;
    console.error(`the test's own process ended by ${signal}${lost ? `: more than ${ROOM / 1024 ** 3} GiB` : ''}; run ${run} of ${TRIES}`);
    if (!lost || run === TRIES) return 1;
  }
}
