import type { Size } from 'cdk8s';
import type { ContainerResources } from 'cdk8s-plus-27';
import type { ResourceRequirements } from '../contract/pod/types';

/** cdk8s-plus' resources as Kubernetes writes them; undefined where none is set. */
export function requirements(resources: ContainerResources | undefined): ResourceRequirements | undefined {
  if (resources === undefined) return undefined;
  const { cpu, memory, ephemeralStorage } = resources;
  const requests = present({
    'cpu': cpu?.request?.amount, 'memory': mebibytes(memory?.request), 'ephemeral-storage': mebibytes(ephemeralStorage?.request),
  });
  const limits = present({
    'cpu': cpu?.limit?.amount, 'memory': mebibytes(memory?.limit), 'ephemeral-storage': mebibytes(ephemeralStorage?.limit),
  });
  return requests === undefined && limits === undefined ? undefined : { requests, limits };
}

/** The same with each bound that is not set taken from the defaults. */
export function requirementsOr(resources: ContainerResources | undefined, defaults: Required<ResourceRequirements>): ResourceRequirements {
  const own = requirements(resources);
  return { requests: { ...defaults.requests, ...own?.requests }, limits: { ...defaults.limits, ...own?.limits } };
}

function mebibytes(size: Size | undefined): string | undefined {
  return size === undefined ? undefined : `${size.toMebibytes()}Mi`;
}

function present(values: Record<string, string | undefined>): Record<string, string> | undefined {
  const entries = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
