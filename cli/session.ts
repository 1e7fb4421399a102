import type { LoadResult } from '../runtime/local/load';
import type { RunEvent } from '../runtime/local/run';
import type { LoadSettings } from '../runtime/local/settings';
import { edgesBetween, type BreakerState, type Edge, type Snapshot } from '../runtime/local/traffic';
import type { Problem } from '../runtime/local/types';

/** Milliseconds that rates and percentiles are about. */
const WINDOW = 5000;
/** Latencies that are kept of each load. */
const MOST_LATENCIES = 20_000;

const BREAKER_WORDS: Readonly<Record<BreakerState, string>> = {
  open: 'the circuit breaker opened, calls fail at once',
  half_open: 'the circuit breaker lets one request probe',
  closed: 'the circuit breaker closed again',
};

/** What became of one load. */
export interface LoadStats {
  readonly settings: LoadSettings;
  total: number;
  /** Answered below 400. */
  succeeded: number;
  /** Answers that were, by status. */
  readonly statuses: Map<number, number>;
  /** Words for what was not: `503 The circuit breaker of payment is open …`. */
  readonly failures: Map<string, number>;
  readonly latencies: number[];
}

/** What the view and the report show: everything that happened in one run of `up`. */
export class Session {
  readonly loads: LoadStats[];
  readonly events: { readonly at: number; readonly text: string }[] = [];
  /** Somebody broke something on purpose: failures are to be expected. */
  injected = false;
  restarts = 0;
  /** What the control plane and the proxies do not take of the manifests, at the moment. */
  refusals: readonly string[] = [];
  private readonly breakers = new Map<string, BreakerState>();
  private readonly snapshots: Snapshot[] = [];
  private first: Snapshot | undefined;

  /** @param now milliseconds since the run began */
  constructor(loads: readonly LoadSettings[], private readonly now: () => number) {
    this.loads = loads.map((settings) => ({ settings, total: 0, succeeded: 0, statuses: new Map(), failures: new Map(), latencies: [] }));
  }

  say(text: string): void {
    this.events.push({ at: this.now(), text });
    if (this.events.length > 200) this.events.shift();
  }

  /** Notes an event of the run; returns the words for it, undefined for one that says nothing to people. */
  heard(event: RunEvent): string | undefined {
    const text = wordsFor(event);
    if (event.kind === 'exited') this.restarts++;
    if (event.kind === 'command') this.injected = true;
    if (text !== undefined) this.say(text);
    return text;
  }

  /** From here on everything counts: the load begins. */
  begin(): void {
    this.first = this.snapshots.at(-1);
  }

  answered({ settings, status, error, problem, latency }: LoadResult): void {
    const load = this.loads.find((one) => one.settings === settings)!;
    load.total++;
    if (load.latencies.length < MOST_LATENCIES) load.latencies.push(latency);
    if (status > 0 && status < 400) {
      load.succeeded++;
      load.statuses.set(status, (load.statuses.get(status) ?? 0) + 1);
      return;
    }
    const words = status === 0 ? `no answer: ${error}` : problem === undefined ? `${status} from the application` : `${status} ${problem}`;
    load.failures.set(words, (load.failures.get(words) ?? 0) + 1);
  }

  /** Notes the counts of a moment; returns the words for breakers that are in another state than before. */
  measured(snapshot: Snapshot): string[] {
    this.first ??= snapshot;
    const last = this.snapshots.at(-1);
    this.snapshots.push(snapshot);
    while (this.snapshots.length > 2 && this.snapshots[1]!.at <= snapshot.at - WINDOW) this.snapshots.shift();
    const changes = last ? edgesBetween(last, snapshot).flatMap((edge) => this.breakerChange(edge)) : [];
    for (const change of changes) this.say(change);
    return changes;
  }

  /** Notes what is refused now; returns the words for what was not before. */
  refused(problems: readonly Problem[]): string[] {
    const words = problems.map(({ where, message }) => `${where}: ${message.split('\n').join('; ')}`);
    const fresh = words.filter((text) => !this.refusals.includes(text));
    for (const text of fresh) this.say(text);
    this.refusals = words;
    return fresh;
  }


  private breakerChange({ caller, called, breaker }: Edge): string[] {
    const edge = `${caller} → ${called}`;
    const before = this.breakers.get(edge);
    if (breaker === undefined || breaker === before) return [];
    this.breakers.set(edge, breaker);
    return before === undefined && breaker === 'closed' ? [] : [`${edge}: ${BREAKER_WORDS[breaker]}`];
  }

  /** Who calls whom, over the last seconds. */
  edges(): readonly Edge[] {
    return this.between(this.snapshots[0]);
  }

  /** Who called whom, over the whole run. */
  allEdges(): readonly Edge[] {
    return this.between(this.first);
  }

  private between(before: Snapshot | undefined): readonly Edge[] {
    const after = this.snapshots.at(-1);
    return before && after && before !== after ? edgesBetween(before, after) : [];
  }
}

function wordsFor(event: RunEvent): string | undefined {
  switch (event.kind) {
    case 'exited': return `${event.pod.name}: ${event.process} ended (${event.reason})${event.restartIn === undefined ? '' : `, again in ${event.restartIn / 1000} s`}`;
    case 'ready': return `${event.pod.name}: ready`;
    case 'unready': return `${event.pod.name}: not ready, its endpoint is out`;
    case 'draining': return `${event.pod.name}: draining`;
    case 'gone': return `${event.pod.name}: gone`;
    case 'command': return `${event.line}: ${event.done}`;
    case 'created': return undefined;
    case 'applied': return 'the manifests changed and were read';
    case 'problems': return event.problems.map(({ where, message }) => `${where}: ${message}`).join('; ');
  }
}

/** The value that `part` of the sorted values do not exceed. */
export function percentile(values: readonly number[], part: number): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)];
}
