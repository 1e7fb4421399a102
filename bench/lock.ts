import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const FILE = join(tmpdir(), 'meshwright-bench.lock');

/** Runs `body` while no other benchmark runs on this machine: two that share its cores measure each other. */
export async function alone<T>(body: () => Promise<T>): Promise<T> {
  for (let told = false; !take();) {
    if (!told) console.error(`Another benchmark runs on this machine (${FILE}); waiting for its end.`);
    told = true;
    await sleep(500);
  }
  try {
    return await body();
  } finally {
    rmSync(FILE, { force: true });
  }
}

function take(): boolean {
  try {
    writeFileSync(FILE, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    if (isStale()) rmSync(FILE, { force: true });
    return false;
  }
}

/** Whoever took it has ended without giving it back. */
function isStale(): boolean {
  try {
    const holder = Number(readFileSync(FILE, 'utf8'));
    if (holder > 0) process.kill(holder, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
