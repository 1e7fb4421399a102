import { writeSync } from 'node:fs';
import type { Clock } from '../../clock';

/** Envoy's names. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogFields = Readonly<Record<string, unknown>>;

/** The proxy's own log: one JSON object a line, `time`, `level`, `component`, `message`, `fields`. Not for requests: those have the access log. */
export interface Log {
  debug(component: string, message: string, fields?: LogFields): void;
  info(component: string, message: string, fields?: LogFields): void;
  warning(component: string, message: string, fields?: LogFields): void;
  error(component: string, message: string, fields?: LogFields): void;
  critical(component: string, message: string, fields?: LogFields): void;
}

/** Names of fields whose value never appears. */
const SECRET = /authorization|cookie|password|passwd|secret|token|private_?key/i;

/** @param write takes one line with its newline; standard error by default. */
export function createLog(clock: Clock, level: LogLevel, write: (line: string) => void = toStderr): Log {
  const least = LOG_LEVELS.indexOf(level);
  const at = (name: LogLevel) => (component: string, message: string, fields?: LogFields): void => {
    if (LOG_LEVELS.indexOf(name) < least) return;
    const line = { time: new Date(clock.wallTime()).toISOString(), level: name, component, message, ...(fields && { fields }) };
    write(`${JSON.stringify(line, shown)}\n`);
  };
  return { debug: at('debug'), info: at('info'), warning: at('warning'), error: at('error'), critical: at('critical') };
}

function shown(key: string, value: unknown): unknown {
  if (key !== '' && SECRET.test(key)) return '[redacted]';
  if (value instanceof Error) return value.stack ?? value.message;
  return typeof value === 'bigint' ? value.toString() : value;
}

/** Lines are few, so written at once: the last one before an exit is the one that matters. A full pipe loses the line, not the proxy. */
function toStderr(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // There is nobody left to tell.
  }
}
