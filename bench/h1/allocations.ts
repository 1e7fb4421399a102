import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Contender, PROXY_CORE } from '../comparison';
import type { Load } from '../load/load';
import { meshwright, type Setting } from '../peers/policies';

/** What a proxy allocated while it answered requests. */
export interface Allocations {
  /** Growth of the heap, nothing of it collected. */
  readonly heapBytes: number;
  /** Growth of what stands outside: buffers. */
  readonly externalBytes: number;
  readonly byFunction: Readonly<Record<string, { readonly objects: number; readonly bytes: number }>>;
}

export interface AllocationReport {
  readonly requests: number;
  readonly objects: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
  /** Objects and bytes a request, the most first; what is not one in fifty requests is left out. */
  readonly byFunction: readonly (readonly [string, number, number])[];
}

/** Large enough that nothing is collected in a run. */
const YOUNG_GENERATION = 256;
const WARM_UP = { connections: 64, milliseconds: 3000, rate: 0 };
/** Until then V8 has not optimized all of the path, and numbers are in boxes; a machine that is busy needs several runs for them. */
const WARM_REQUESTS = 40_000;
const WARM_RUNS = 10;
/** Few enough to count each object, many enough that the counting itself is none. */
const COUNTED = { connections: 16, milliseconds: 1000, rate: 0 };

/** Counts what our proxy allocates for a request, all policies on: every object, by a heap profiler that samples every byte. */
export async function countAllocations(setting: Setting, port: number, load: Load): Promise<AllocationReport> {
  const path = join(setting.folder, 'allocations.sock');
  const flags = ['--expose-gc', `--min-semi-space-size=${YOUNG_GENERATION}`, `--max-semi-space-size=${YOUNG_GENERATION}`,
    '--require', join(__dirname, 'h1/allocation-probe.js')];
  process.env.MESHWRIGHT_ALLOCATION_PROBE = path;
  const contender = await Contender.start(meshwright(setting, port, flags), PROXY_CORE);
  try {
    for (let run = 0, warm = 0; run < WARM_RUNS && warm < WARM_REQUESTS; run++) warm += (await load.generator(WARM_UP).run(port)).units;
    const socket = connect(path);
    await once(socket, 'connect');
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    socket.write('begin\n');
    await lines.next();
    const { units } = await load.generator(COUNTED).run(port);
    socket.write('end\n');
    const { value } = await lines.next();
    const counted = JSON.parse(value as string) as Allocations;
    const byFunction = Object.entries(counted.byFunction)
      .map(([name, { objects, bytes }]) => [name, objects / units, bytes / units] as const)
      .filter(([, objects]) => objects >= 0.02)
      .sort(([, a], [, b]) => b - a);
    const objects = Object.values(counted.byFunction).reduce((sum, entry) => sum + entry.objects, 0);
    return {
      requests: units, objects: objects / units, heapBytes: counted.heapBytes / units, externalBytes: counted.externalBytes / units, byFunction,
    };
  } finally {
    delete process.env.MESHWRIGHT_ALLOCATION_PROBE;
    await contender.stop();
  }
}
