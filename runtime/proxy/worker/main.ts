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

const skew = performance.timeOrigin - init.timeOrigin;
const clock: Clock = skew === 0 ? systemClock : { ...systemClock, now: () => performance.now() + skew };

const worker = new DataPlaneWorker(init, {
  clock,
  random: Math.random,
  transport: init.transport === 'raw' ? createRawTransport() : createPortableTransport(),
  receive: receiveMessageOnPort,
  post: (message) => port.postMessage(message),
  log,
});
// From now on an exception is one fault of many parts that go on; what nobody can go on after ends the thread, and the main thread starts another.
process.on('uncaughtException', (error) => worker.fault(error));
process.on('unhandledRejection', (error) => worker.fault(error));
port.on('message', (message: ToWorker) => worker.onMessage(message));
