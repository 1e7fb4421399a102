import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { Clock } from '../../clock';
import { systemClock } from '../../clock';
import { createLog } from '../observe/log';
import { createPortableTransport, createRawTransport } from '../transport';
import { DataPlaneWorker } from './data-plane-worker';
import type { ToWorker, WorkerInit } from './messages';

/** A worker thread's beginning. */
const init = workerData as WorkerInit;
const port = parentPort!;
const log = createLog(systemClock, init.logLevel);

// Of one connection, at the most: the others go on. What nobody can go on after ends the thread, and the main thread starts another.
process.on('uncaughtException', (error) => log.error('worker', 'uncaught exception', { worker: init.index, error }));

const skew = performance.timeOrigin - init.timeOrigin;
const clock: Clock = skew === 0 ? systemClock : { ...systemClock, now: () => performance.now() + skew };

const worker = new DataPlaneWorker(init, {
  clock,
  random: Math.random,
  transport: init.transport === 'raw' ? createRawTransport() : createPortableTransport(),
  receive: receiveMessageOnPort,
  post: (message) => port.postMessage(message),
});
port.on('message', (message: ToWorker) => worker.onMessage(message));
