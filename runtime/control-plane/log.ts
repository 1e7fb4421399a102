import type { Clock } from '../clock';

export type LogFields = Readonly<Record<string, unknown>>;
export const LOG_LEVELS = ['debug', 'info', 'warning', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The control plane's log: one JSON object a line, `time`, `level`, `component`, `message`, `fields`; the same form as the proxy's. */
export type Log = { readonly [L in LogLevel]: (component: string, message: string, fields?: LogFields) => void };

/** @param write takes one line with its newline. */
export function createLog(clock: Clock, level: LogLevel, write: (line: string) => void): Log {
  const least = LOG_LEVELS.indexOf(level);
  return Object.fromEntries(LOG_LEVELS.map((name, index) => [name, (component: string, message: string, fields?: LogFields) => {
    if (index < least) return;
    write(`${JSON.stringify({ time: new Date(clock.wallTime()).toISOString(), level: name, component, message, ...fields && { fields } })}\n`);
  }])) as Log;
}

export const silentLog: Log = { debug: () => {}, info: () => {}, warning: () => {}, error: () => {} };
