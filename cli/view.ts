import type { Edge } from '../runtime/local/traffic';
import type { PodState } from '../runtime/local/types';
import { cut, fit, width, type Style } from './ansi';
import { percentile, type LoadStats } from './session';

/** Everything that one screen shows. */
export interface Screen {
  readonly title: string;
  readonly elapsed: number;
  /** Milliseconds until the run ends by itself. */
  readonly left: number | undefined;
  readonly pods: readonly PodState[];
  readonly edges: readonly Edge[];
  readonly loads: readonly LoadStats[];
  readonly events: readonly { readonly at: number; readonly text: string }[];
  /** Lines that say what to try, and the commands that break things. */
  readonly hints: readonly string[];
  readonly input: string;
  readonly message: string;
}

/** The lines of a screen: exactly `rows` of them, none wider than `columns`. */
export function render(screen: Screen, columns: number, rows: number, style: Style): string[] {
  const head = [header(screen, columns, style), rule(columns, style)];
  const traffic = edgeTable(screen.edges, columns, style);
  const loads = screen.loads.flatMap((load) => loadLines(load, columns, style));
  const hints = screen.hints.map((hint) => cut(hint, columns));
  const foot = [...(hints.length > 0 ? [rule(columns, style), ...hints] : []), prompt(screen, columns, style)];
  // What happened takes the room that is left, and what is least needed goes first where there is none.
  const room = rows - head.length - foot.length;
  const upper = [...traffic, ...(loads.length > 0 ? ['', ...loads] : [])].slice(0, Math.max(0, room));
  const space = room - upper.length - 1;
  const events = space > 0 ? ['', ...screen.events.slice(-space).map(({ at, text }) => cut(`${style.dim(time(at))} ${text}`, columns))] : [];
  const middle = [...upper, ...events];
  const padding = Array.from({ length: Math.max(0, room - middle.length) }, () => '');
  return [...head, ...middle, ...padding, ...foot].slice(-rows);
}

function header({ title, pods, elapsed, left }: Screen, columns: number, style: Style): string {
  const services = pods.filter(({ spec }) => spec.service !== undefined);
  const ready = services.filter((pod) => pod.ready).length;
  const state = ready === services.length ? style.good(`${ready}/${services.length} pods ready`) : style.warn(`${ready}/${services.length} pods ready`);
  const planes = pods.filter(({ spec }) => spec.service === undefined);
  const planesReady = planes.filter((pod) => pod.ready).length;
  const control = planesReady === planes.length ? style.dim(`control plane ×${planes.length}`) : style.bad(`control plane ${planesReady}/${planes.length}`);
  const clock = left === undefined ? time(elapsed) : `${time(elapsed)}, ${Math.ceil(left / 1000)} s left`;
  const begin = `${style.bold('meshwright')} ${style.accent(title)}`;
  const end = `${state}   ${control}   ${style.dim(clock)}`;
  return cut(`${fit(begin, Math.max(0, columns - width(end) - 1))} ${end}`, columns);
}

/** Widths of the columns after the first two. */
const COLUMNS: readonly (readonly [title: string, width: number])[] = [
  ['req/s', 7], ['ok', 7], ['p50', 7], ['p99', 7], ['retry/s', 8], ['breaker', 10], ['pods', 5],
];
const NUMBERS = COLUMNS.reduce((sum, [, size]) => sum + size, 0);

/** Who calls whom, a line each under a title. */
export function edgeTable(edges: readonly Edge[], columns: number, style: Style): string[] {
  const names = Math.max(20, Math.min(44, columns - NUMBERS));
  const caller = Math.floor((names - 3) / 2);
  const title = fit('caller', caller) + '   ' + fit('called', names - caller - 3) + COLUMNS.map(([text, size]) => fit(text, size, 'right')).join('');
  const lines = edges.map((edge) => {
    const cells = [
      number(edge.requestsPerSecond), success(edge, style), milliseconds(edge.p50), milliseconds(edge.p99),
      edge.retriesPerSecond > 0 ? style.warn(number(edge.retriesPerSecond)) : style.dim('0'), breaker(edge, style), endpoints(edge, style),
    ];
    const called = fit(edge.called, names - caller - 3);
    return fit(edge.caller, caller) + style.dim(' → ') + called + cells.map((cell, at) => fit(cell, COLUMNS[at]![1], 'right')).join('');
  });
  return [style.dim(cut(title, columns)), ...(lines.length > 0 ? lines.map((line) => cut(line, columns)) : [style.dim('  nobody has called anybody yet')])];
}

function success({ success: part }: Edge, style: Style): string {
  if (part === undefined) return style.dim('–');
  const text = part === 1 ? '100%' : `${(part * 100).toFixed(1)}%`;
  return part >= 0.999 ? style.good(text) : part >= 0.9 ? style.warn(text) : style.bad(text);
}

function breaker({ breaker: state, refusedPerSecond }: Edge, style: Style): string {
  if (state === undefined) return style.dim('–');
  if (state === 'closed') return refusedPerSecond > 0 ? style.warn('closed') : style.good('closed');
  return state === 'open' ? style.bad('OPEN') : style.warn('half-open');
}

function endpoints({ healthy, endpoints: all }: Edge, style: Style): string {
  const text = `${healthy}/${all}`;
  return healthy === all ? text : healthy === 0 ? style.bad(text) : style.warn(text);
}

/** What became of a load, and below it the most frequent ways to fail. */
export function loadLines(load: LoadStats, columns: number, style: Style): string[] {
  const { from, method, url, requestsPerSecond } = load.settings;
  const failed = load.total - load.succeeded;
  const statuses = [...load.statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${count} × ${status}`).join(', ');
  const counts = `${statuses === '' ? '0 ok' : statuses}${failed > 0 ? `, ${style.bad(`${failed} failed`)}` : ''}  p99 ${milliseconds(percentile(load.latencies, 0.99))}`;
  const failures = [...load.failures].sort(([, first], [, second]) => second - first).slice(0, 2);
  return [
    `${style.dim('load')}  ${requestsPerSecond}/s ${from} ${style.dim('→')} ${method} ${url.replace('http://', '')}  ${counts}`,
    ...failures.map(([words, count]) => `      ${count} × ${words}`),
  ].map((line) => cut(line, columns));
}

function prompt({ input, message }: Screen, columns: number, style: Style): string {
  const line = `${style.accent('>')} ${input}${style.dim('▏')}`;
  return cut(message === '' ? line : `${line}  ${style.dim(message)}`, columns);
}

function rule(columns: number, style: Style): string {
  return style.dim('─'.repeat(columns));
}

export function time(milliseconds_: number): string {
  const seconds = Math.floor(milliseconds_ / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

export function number(value: number): string {
  return value === 0 ? '0' : value < 10 ? value.toFixed(1) : String(Math.round(value));
}

export function milliseconds(value: number | undefined): string {
  if (value === undefined) return '–';
  return value >= 1000 ? `${(value / 1000).toFixed(1)} s` : value >= 10 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`;
}
