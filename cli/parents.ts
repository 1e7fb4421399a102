import { readFileSync } from 'node:fs';

/** A process and the one that started it. */
interface Link {
  readonly pid: number;
  readonly parent: number;
}

/**
 * Whether those are still there that started this process: asked again and again, it says false once one of them has gone. Under npm they are a chain
 * of shells and task runners that ends with npm itself, and each may be killed without the next one noticing.
 */
export function parentsWatch(): () => boolean {
  const chain: Link[] = [];
  let parent: number | undefined = process.ppid;
  for (let pid = process.pid; parent !== undefined && parent > 1; pid = parent, parent = parentOf(pid)) {
    chain.push({ pid, parent });
    if (!isOfNpm(parent)) break;
  }
  return () => chain.every((link) => (link.pid === process.pid ? process.ppid : parentOf(link.pid)) === link.parent);
}

/** Where there is no /proc only the first link is watched. */
function parentOf(pid: number): number | undefined {
  try {
    // The name in parentheses may hold anything, parentheses too.
    return Number(readFileSync(`/proc/${pid}/stat`, 'latin1').split(')').at(-1)!.trim().split(' ')[1]);
  } catch {
    return undefined;
  }
}

/** Whether npm runs the process as part of a script. */
function isOfNpm(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes('npm_lifecycle_event=');
  } catch {
    return false;
  }
}
