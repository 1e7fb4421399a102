import type { DataPlaneReport } from '../data-plane/types';
import type { FromWorker, ToWorker } from './messages';
import { KnownObjects } from './snapshot-wire';

/** A thread, as its owner sees it. */
export interface WorkerThread {
  post(message: ToWorker): void;
  /** Ends it now. */
  terminate(): void;
}

/** What became of a question to a worker that may have died meanwhile. */
export type Answer = Extract<FromWorker, { readonly id: number }> | { readonly kind: 'gone' };

/** One worker of a pool, and the questions that it has yet to answer. */
export class WorkerSlot {
  readonly known = new KnownObjects();
  /** The last that was heard of it. */
  report: DataPlaneReport | undefined;
  thread!: WorkerThread;
  gone = false;
  private lastId = 0;
  private readonly waiting = new Map<number, (answer: Answer) => void>();

  constructor(readonly index: number) {}

  /** Sends a question and resolves with its answer; with `gone` where there will be none. */
  async ask(question: (id: number) => ToWorker): Promise<Answer> {
    if (this.gone) return { kind: 'gone' };
    const id = ++this.lastId;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.thread.post(question(id));
    });
  }

  answered(answer: Extract<FromWorker, { readonly id: number }>): void {
    this.waiting.get(answer.id)?.(answer);
    this.waiting.delete(answer.id);
  }

  died(): void {
    this.gone = true;
    for (const resolve of this.waiting.values()) resolve({ kind: 'gone' });
    this.waiting.clear();
  }
}
