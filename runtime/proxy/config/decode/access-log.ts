import { FileAccessLogSchema, StdoutAccessLogSchema, unpackAnyAs, type AccessLog, type SubstitutionFormatString } from '../../../xds';
import { parseFormat } from '../../observe/format';
import type { Problems } from '../problems';
import { show } from '../problems';
import type { AccessLogConfig } from '../types';

export function accessLog(log: AccessLog, path: string, problems: Problems): AccessLogConfig {
  const any = log.configType.case === 'typedConfig' ? log.configType.value : undefined;
  const at = `${path}.typed_config`;
  const stdout = unpackAnyAs(StdoutAccessLogSchema, any);
  if (stdout) {
    return { path: '-', jsonFormat: jsonFormat(stdout.accessLogFormat.case === 'logFormat' ? stdout.accessLogFormat.value : undefined, at, problems) };
  }
  const file = unpackAnyAs(FileAccessLogSchema, any);
  if (!file) {
    problems.add(at, 'must be FileAccessLog or StdoutAccessLog');
    return { path: '-', jsonFormat: undefined };
  }
  if (file.path === '') problems.add(`${at}.path`, 'is required');
  const target = file.path === '/dev/stdout' ? '-' : file.path;
  return { path: target, jsonFormat: jsonFormat(file.accessLogFormat.case === 'logFormat' ? file.accessLogFormat.value : undefined, at, problems) };
}

function jsonFormat(format: SubstitutionFormatString | undefined, path: string, problems: Problems): AccessLogConfig['jsonFormat'] {
  if (format?.format.case !== 'jsonFormat') return undefined;
  const members = new Map<string, string>();
  for (const [name, value] of Object.entries(format.format.value)) {
    const at = `${path}.log_format.json_format[${JSON.stringify(name)}]`;
    if (typeof value !== 'string') {
      problems.add(at, `${show(value)} is not supported: a format string`);
      continue;
    }
    const { problem } = parseFormat(value);
    if (problem !== undefined) problems.add(at, problem);
    members.set(name, value);
  }
  return members;
}
