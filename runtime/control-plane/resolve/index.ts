import { shareUnchanged, type Locality, type MeshModel, type Security } from '../model';
import type { ResourceSet } from '../resources';
import { Backends, finished } from './backends';
import { withCallers } from './callers';
import { endpointsOf, slicesByService } from './endpoints';
import { Report, type ObjectReport } from './report';
import { rulesByBackend } from './routes';
import { servicesOf } from './services';

export type { ObjectReport, Verdict } from './report';

export interface Resolved {
  readonly model: MeshModel;
  /** What became of every object that has a status. */
  readonly objects: readonly ObjectReport[];
}

/** How proxies know each other. */
export interface Trusting {
  readonly security: Security;
  /** PEM of the roots that are trusted at this moment, with `certificates`. */
  readonly trustBundle?: string;
}

/**
 * Resolves what the resources refer to: the mesh as a model, and what is wrong with whom. Pure. What cannot be resolved costs as little as can be:
 * an unknown backend its share of a rule, an unknown callee one call. Parts that are as in `previous` are the same objects.
 */
export function resolve(set: ResourceSet, previous?: MeshModel, { security, trustBundle }: Trusting = { security: 'certificates' }): Resolved {
  const report = new Report();
  const backends = new Backends(set, report);
  const services = servicesOf(set, backends, security, report);
  const rules = rulesByBackend(set, backends, report);
  const slices = slicesByService(set);
  const drafts = backends.all();
  const endpoints = new Map(drafts.map((draft) => [draft.key, endpointsOf(draft, set, slices, report)]));
  const identityOf = (service: string | undefined) => (security !== 'certificates' || service === undefined ? undefined : services.get(service)?.identity || undefined);
  const finishedBackends = new Map(drafts.map((draft) => [draft.key, finished(draft, rules.get(draft.key), identityOf(draft.service))]));
  const model: MeshModel = {
    services: withCallers(services, finishedBackends),
    backends: finishedBackends,
    endpoints,
    regions: regionsByAddress([...endpoints.values()]),
    trust: trustBundle === undefined ? undefined : { bundle: trustBundle },
  };
  return { model: Object.freeze(shareUnchanged(previous, model)), objects: report.objects(set) };
}

function regionsByAddress(localities: readonly (readonly Locality[])[]): Map<string, string> {
  return new Map(localities.flat().filter(({ region }) => region !== '').flatMap(({ region, endpoints }) => (
    endpoints.map(({ address }) => [address, region] as const)
  )));
}
