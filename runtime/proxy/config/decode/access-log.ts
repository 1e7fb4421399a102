import {
  ComparisonFilter_Op, FileAccessLogSchema, StdoutAccessLogSchema, unpackAnyAs, type AccessLog, type AccessLogFilter, type SubstitutionFormatString,
} from '../../../xds';
import { parseFormat } from '../../observe/format';
import type { Problems } from '../problems';
import { show } from '../problems';
import type { AccessLogConfig, AccessLogFilterConfig } from '../types';
import { perMillion } from './scalars';

export function accessLog(log: AccessLog, path: string, problems: Problems): AccessLogConfig {
  const any = log.configType.case === 'typedConfig' ? log.configType.value : undefined;
  const at = `${path}.typed_config`;
  const filter = log.filter && accessLogFilter(log.filter, `${path}.filter`, problems);
  const stdout = unpackAnyAs(StdoutAccessLogSchema, any);
  if (stdout) {
    const format = stdout.accessLogFormat.case === 'logFormat' ? stdout.accessLogFormat.value : undefined;
    return { path: '-', jsonFormat: jsonFormat(format, at, problems), filter };
  }
  const file = unpackAnyAs(FileAccessLogSchema, any);
  if (!file) {
    problems.add(at, 'must be FileAccessLog or StdoutAccessLog');
    return { path: '-', jsonFormat: undefined, filter };
  }
  if (file.path === '') problems.add(`${at}.path`, 'is required');
  const target = file.path === '/dev/stdout' ? '-' : file.path;
  const format = file.accessLogFormat.case === 'logFormat' ? file.accessLogFormat.value : undefined;
  return { path: target, jsonFormat: jsonFormat(format, at, problems), filter };
}

const OPS = { [ComparisonFilter_Op.EQ]: 'EQ', [ComparisonFilter_Op.GE]: 'GE', [ComparisonFilter_Op.LE]: 'LE' } as const;

/** Flags that one end of a request has; of those with several, each alone is not told apart. */
const FLAGS = new Set(['UH', 'UF', 'UO', 'NR', 'URX', 'NC', 'UT', 'DC', 'UC', 'UR', 'RL', 'UPE', 'DPE', 'SI', 'UAEX', 'OM', 'LR', 'DT', 'DI', 'FI']);

function accessLogFilter({ filterSpecifier: filter }: AccessLogFilter, path: string, problems: Problems): AccessLogFilterConfig {
  switch (filter.case) {
    case 'orFilter':
      if (filter.value.filters.length < 2) problems.add(`${path}.or_filter.filters`, 'must have at least two');
      return { kind: 'any', filters: filter.value.filters.map((one, index) => accessLogFilter(one, `${path}.or_filter.filters[${index}]`, problems)) };
    case 'runtimeFilter':
      if (!filter.value.percentSampled) problems.add(`${path}.runtime_filter.percent_sampled`, 'is required');
      return { kind: 'sample', perMillion: perMillion(filter.value.percentSampled, `${path}.runtime_filter.percent_sampled`, problems) };
    case 'statusCodeFilter': {
      const { op = ComparisonFilter_Op.EQ, value } = filter.value.comparison ?? {};
      if (!value) problems.add(`${path}.status_code_filter.comparison.value`, 'is required');
      return { kind: 'status', op: OPS[op as keyof typeof OPS] ?? 'EQ', value: value?.defaultValue ?? 0 };
    }
    case 'responseFlagFilter': {
      const { flags } = filter.value;
      flags.forEach((flag, index) => {
        if (!FLAGS.has(flag)) problems.add(`${path}.response_flag_filter.flags[${index}]`, `${show(flag)} is not a flag that is ever set: one of ${[...FLAGS].join(', ')}`);
      });
      if (flags.length === 0) problems.add(`${path}.response_flag_filter.flags`, 'is empty: at least one is required');
      return { kind: 'flag', flags };
    }
    default:
      if (filter.case === undefined) problems.add(path, 'is empty: one of status_code_filter, runtime_filter, or_filter, response_flag_filter');
      return { kind: 'any', filters: [] };
  }
}

function jsonFormat(format: SubstitutionFormatString | undefined, path: string, problems: Problems): AccessLogConfig['jsonFormat'] {
  if (format?.format.case === 'textFormatSource') problems.add(`${path}.log_format.text_format_source`, 'is not supported of a log: write json_format');
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
