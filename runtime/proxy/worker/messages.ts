import type { MessagePort } from 'node:worker_threads';
import type { ConnectionView, DataPlaneReport } from '../data-plane/types';
import type { LogLevel } from '../observe/log';
import type { OverloadConfig } from '../overload/types';
import type { SnapshotChanges } from './snapshot-wire';

/** What a worker is started with. */
export interface WorkerInit {
  /** 0 ≤ index < workers. */
  readonly index: number;
  readonly workers: number;
  /** Which backend passed its self-test in the main thread. */
  readonly transport: 'raw' | 'portable';
  readonly overload: OverloadConfig | undefined;
  readonly logLevel: LogLevel;
  /** What keys of TLS session tickets are derived from: a session that one worker gave another one resumes. */
  readonly ticketSecret: Uint8Array;
  /** `performance.timeOrigin` of the main thread: all workers of a pod have one clock. */
  readonly timeOrigin: number;
  /** Bytes buffered by each worker, as doubles. */
  readonly buffered: SharedArrayBuffer;
  /** Where shared memory is asked for. */
  readonly memory: MessagePort;
}

export type ToWorker =
  /** Compile and bind; answered by `prepared` or `failed`. */
  | { readonly kind: 'prepare'; readonly id: number; readonly changes: SnapshotChanges; readonly ports: ReadonlyMap<string, number> }
  /** Put in force what is prepared, or give it up; answered by `settled`. */
  | { readonly kind: 'commit' | 'abort'; readonly id: number }
  /** The hosts that are out, by cluster; of clusters that are not named none is. */
  | { readonly kind: 'ejected'; readonly hosts: ReadonlyMap<string, readonly string[]> }
  | { readonly kind: 'report' | 'connections'; readonly id: number }
  /** Bytes of an access log that the main thread has taken. */
  | { readonly kind: 'logged'; readonly path: string; readonly bytes: number }
  /** Answered by `settled`. */
  | { readonly kind: 'drain'; readonly id: number; readonly deadline: number }
  | { readonly kind: 'close'; readonly id: number };

/** Why a snapshot cannot be put in force; `listener` where it is that this one cannot have its address. */
export interface Problem {
  readonly message: string;
  readonly listener: string | undefined;
}

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'prepared'; readonly id: number; readonly ports: ReadonlyMap<string, number> }
  | { readonly kind: 'failed'; readonly id: number; readonly problems: readonly Problem[] }
  | { readonly kind: 'settled'; readonly id: number }
  | { readonly kind: 'report'; readonly id: number; readonly report: DataPlaneReport }
  | { readonly kind: 'connections'; readonly id: number; readonly connections: readonly ConnectionView[] }
  /** A host has failed often enough to be ejected. */
  | { readonly kind: 'suspect'; readonly cluster: string; readonly host: string }
  /** Lines of an access log, newlines included. */
  | { readonly kind: 'log'; readonly path: string; readonly lines: string }
  | { readonly kind: 'openLog' | 'closeLog'; readonly path: string };

/** Over `WorkerInit.memory`: `signal` is set to 1 once the answer is there. */
export type MemoryRequest =
  | { readonly kind: 'get'; readonly name: string; readonly bytes: number; readonly signal: SharedArrayBuffer }
  | { readonly kind: 'release'; readonly name: string };
