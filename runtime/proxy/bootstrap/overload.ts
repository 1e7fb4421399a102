import {
  BufferedBytesConfigSchema, EventLoopDelayConfigSchema, FixedHeapConfigSchema, milliseconds, unpackAnyAs, type OverloadManager,
  type ResourceMonitor as ResourceMonitorMessage,
} from '../../xds';
import { positiveDuration, unique } from '../config/decode/scalars';
import { show, type Problems } from '../config/problems';
import type { OverloadAction, OverloadActionKind, OverloadConfig, ResourceMonitor } from '../overload/types';

const REFRESH_INTERVAL = 250;
const ACTIONS: ReadonlyMap<string, OverloadActionKind> = new Map([
  ['envoy.overload_actions.stop_accepting_requests', 'stop_accepting_requests'],
  ['meshwright.overload_actions.stop_reading', 'stop_reading'],
]);

/** Decodes `overload_manager`; its types are in the accepted subset already. */
export function decodeOverload(message: OverloadManager | undefined, path: string, problems: Problems): OverloadConfig | undefined {
  if (!message) return undefined;
  const monitors: ResourceMonitor[] = [];
  message.resourceMonitors.forEach((item, index) => {
    const at = `${path}.resource_monitors[${index}]`;
    const decoded = monitor(item, at, problems);
    if (item.name === '') problems.add(`${at}.name`, 'is required: triggers refer to it');
    if (decoded) monitors.push(decoded);
  });
  unique(message.resourceMonitors.map(({ name }) => name), (index) => `${path}.resource_monitors[${index}].name`, problems);
  if (message.resourceMonitors.length === 0) problems.add(`${path}.resource_monitors`, 'is required');
  const names = new Set(message.resourceMonitors.map(({ name }) => name));
  const actions = message.actions.flatMap(({ name, triggers }, index): OverloadAction[] => {
    const at = `${path}.actions[${index}]`;
    const kind = ACTIONS.get(name);
    if (!kind) problems.add(`${at}.name`, `${show(name)} is not supported: one of ${[...ACTIONS.keys()].map((known) => show(known)).join(', ')}`);
    if (triggers.length === 0) problems.add(`${at}.triggers`, 'is required');
    const decoded = triggers.map(({ name: of, triggerOneof }, number) => {
      const trigger = `${at}.triggers[${number}]`;
      if (!names.has(of)) problems.add(`${trigger}.name`, `${show(of)} is no resource monitor of this overload manager`);
      const threshold = triggerOneof.case === 'threshold' ? triggerOneof.value.value : undefined;
      if (threshold === undefined) problems.add(`${trigger}.threshold`, 'is required');
      else if (!(threshold > 0 && threshold <= 1)) problems.add(`${trigger}.threshold.value`, `${threshold} must be above 0 and at most 1`);
      return { monitor: of, threshold: threshold ?? 1 };
    });
    return kind ? [{ name, kind, triggers: decoded }] : [];
  });
  unique(message.actions.map(({ name }) => name), (index) => `${path}.actions[${index}].name`, problems);
  return { refreshInterval: positiveDuration(message.refreshInterval, REFRESH_INTERVAL, `${path}.refresh_interval`, problems), monitors, actions };
}

function monitor({ name, configType }: ResourceMonitorMessage, path: string, problems: Problems): ResourceMonitor | undefined {
  const any = configType.case === 'typedConfig' ? configType.value : undefined;
  if (!any) {
    problems.add(`${path}.typed_config`, 'is required');
    return undefined;
  }
  const heap = unpackAnyAs(FixedHeapConfigSchema, any);
  if (heap) return bytes(name, 'heap', heap.maxHeapSizeBytes, `${path}.typed_config.max_heap_size_bytes`, problems);
  const buffered = unpackAnyAs(BufferedBytesConfigSchema, any);
  if (buffered) return bytes(name, 'buffered_bytes', buffered.maxBytes, `${path}.typed_config.max_bytes`, problems);
  const delay = unpackAnyAs(EventLoopDelayConfigSchema, any);
  if (!delay) return undefined;
  const max = delay.maxDelay ? milliseconds(delay.maxDelay) : 0;
  if (max <= 0) problems.add(`${path}.typed_config.max_delay`, 'is required, and must be positive');
  return { name, resource: 'event_loop_delay', max };
}

function bytes(name: string, resource: ResourceMonitor['resource'], value: bigint, path: string, problems: Problems): ResourceMonitor {
  if (value <= 0n) problems.add(path, 'is required, and must be positive');
  return { name, resource, max: Number(value) };
}
