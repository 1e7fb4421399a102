import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { LineWriter } from '../observe/line-writer';
import type { WorkerSettings } from '../server';
import { randomTicketSecret } from '../tls/ticket-keys';
import type { FromWorker, WorkerInit } from './messages';
import { WorkerPool } from './pool';
import { MemoryRegistry } from './shared-memory';

/** Where the bundler puts what a worker runs: beside the proxy. */
const FILE = join(__dirname, 'proxy-worker.js');

/** Starts the data plane of a pod with several workers, in threads. */
export async function startWorkers(settings: WorkerSettings, file = FILE): Promise<WorkerPool> {
  const { workers, transport, overload, clock, log, logLevel } = settings;
  const ticketSecret = randomTicketSecret();
  if (!existsSync(file)) throw new Error(`--concurrency: the program of the workers is missing: ${file}`);
  const memory = new MemoryRegistry();
  const buffered = new SharedArrayBuffer(workers * Float64Array.BYTES_PER_ELEMENT);
  return WorkerPool.start({
    workers, clock, log, memory, buffered,
    openLog: (path) => new LineWriter(path, clock),
    spawn: (index, message, exited) => {
      const { port1, port2 } = new MessageChannel();
      memory.serve(port1, index);
      const init: WorkerInit = {
        index, workers, transport, overload, logLevel, ticketSecret, timeOrigin: performance.timeOrigin, buffered, memory: port2,
      };
      const worker = new Worker(file, { workerData: init, transferList: [port2], argv: [], name: `worker ${index}` });
      let reason: string | undefined;
      worker.on('message', (said: FromWorker) => message(said));
      worker.on('error', (error: Error) => { reason = error.stack ?? error.message; });
      worker.on('exit', (code) => {
        port1.close();
        exited(reason ?? `exit code ${code}`);
      });
      return { post: (said) => worker.postMessage(said), terminate: () => void worker.terminate() };
    },
  });
}
