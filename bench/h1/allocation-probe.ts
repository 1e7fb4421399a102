/**
 * Loaded into the proxy before it starts (`--require`): counts what is allocated between two requests for a report, on the socket whose path is in
 * MESHWRIGHT_ALLOCATION_PROBE. The young generation has to be large enough that nothing is collected meanwhile.
 */
import { Session } from 'node:inspector';
import { createServer } from 'node:net';
import { getHeapStatistics } from 'node:v8';
import type { Allocations } from './allocations';

interface ProfileNode {
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly id: number;
  readonly children: readonly ProfileNode[];
}

interface Profile {
  readonly head: ProfileNode;
  readonly samples: ReadonlyArray<{ readonly size: number; readonly nodeId: number }>;
}

const session = new Session();
session.connect();

function post<T>(method: string, parameters: object = {}): T {
  let answer: T | undefined;
  // Within one thread the answer comes before this returns.
  session.post(method, parameters, (error, result) => {
    if (error) throw error;
    answer = result as T;
  });
  return answer!;
}

let heapBefore = 0;
let externalBefore = 0;

function begin(): void {
  globalThis.gc!();
  // Every byte is a sample, so every object is counted.
  post('HeapProfiler.startSampling', { samplingInterval: 1, includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true });
  ({ used_heap_size: heapBefore, external_memory: externalBefore } = getHeapStatistics());
}

function end(): Allocations {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  const { profile } = post<{ profile: Profile }>('HeapProfiler.stopSampling');
  const names = new Map<number, string>();
  const visit = ({ callFrame, id, children }: ProfileNode): void => {
    names.set(id, callFrame.functionName || '(no name)');
    children.forEach(visit);
  };
  visit(profile.head);
  const byFunction: Record<string, { objects: number; bytes: number }> = {};
  for (const { size, nodeId } of profile.samples) {
    const entry = (byFunction[names.get(nodeId) ?? '(no name)'] ??= { objects: 0, bytes: 0 });
    entry.objects++;
    entry.bytes += size;
  }
  return { heapBytes: heap - heapBefore, externalBytes: external - externalBefore, byFunction };
}

createServer((socket) => {
  socket.on('data', (bytes) => {
    if (bytes.toString().startsWith('begin')) {
      begin();
      socket.write('{}\n');
    } else {
      socket.end(`${JSON.stringify(end())}\n`);
    }
  });
}).listen(process.env.MESHWRIGHT_ALLOCATION_PROBE!).unref();
