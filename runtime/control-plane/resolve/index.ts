import { isDeepStrictEqual } from 'node:util';
import type { MeshResource } from '../../../src/contract';
import { shareUnchanged, type Locality, type MeshModel, type MeshSettings, type Security } from '../model';
import { keyOf, type Resource, type ResourceSet } from '../resources';
import type { KnownIssuers } from './authentication';
import { Backends, finished, type BackendDraft } from './backends';
import { withCallers } from './callers';
import { endpointsOf, serviceOfSlice, slicesByService } from './endpoints';
import { Report, type ObjectReport } from './report';
import { rulesByBackend } from './routes';
import { servicesOf, settingsOf } from './services';

export { discoveryUrl, issuersToAsk, type KnownIssuers } from './authentication';
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
  /** Where issuers of tokens have their keys, as far as that had to be asked for. */
  readonly issuers?: KnownIssuers;
}

/** What a model was made of. */
interface Made {
  readonly set: ResourceSet;
  readonly trusting: Trusting;
  readonly drafts: readonly BackendDraft[];
  readonly objects: readonly ObjectReport[];
}

const made = new WeakMap<MeshModel, Made>();

/**
 * Resolves what the resources refer to: the mesh as a model, and what is wrong with whom. Pure. What cannot be resolved costs as little as can be:
 * an unknown backend its share of a rule, an unknown callee one call. Parts that are as in `previous` are the same objects.
 */
export function resolve(set: ResourceSet, previous?: MeshModel, trusting: Trusting = { security: 'certificates' }): Resolved {
  return (previous && withOtherEndpoints(set, previous, trusting)) ?? resolveAll(set, previous, trusting);
}

function resolveAll(set: ResourceSet, previous: MeshModel | undefined, trusting: Trusting): Resolved {
  const { security, trustBundle, issuers = new Map<string, string>() } = trusting;
  const report = new Report();
  const backends = new Backends(set, report);
  const services = servicesOf(set, backends, security, issuers, report);
  const rules = rulesByBackend(set, backends, report);
  const slices = slicesByService(set);
  const drafts = backends.all();
  const endpoints = new Map(drafts.map((draft) => [draft.key, endpointsOf(draft, set, slices, report)]));
  const identityOf = (key: string | undefined) => {
    const service = security !== 'certificates' || key === undefined ? undefined : services.get(key);
    return service?.sidecar ? service.identity || undefined : undefined;
  };
  const finishedBackends = new Map(drafts.map((draft) => [draft.key, finished(draft, rules.get(draft.key), identityOf(draft.service))]));
  const model: MeshModel = {
    services: withCallers(services, finishedBackends),
    backends: finishedBackends,
    endpoints,
    regions: regionsByAddress([...endpoints.values()]),
    guests: guestSettings(backends.guestMesh, security),
    trust: trustBundle === undefined ? undefined : { bundle: trustBundle },
  };
  return remembered(Object.freeze(shareUnchanged(previous, model)), { set, trusting, drafts, objects: report.objects(set) });
}

/**
 * Pods come and go a hundred times as often as anything else changes. Where nothing else did, only the endpoints of the Services concerned are
 * resolved; undefined where everything has to be.
 */
function withOtherEndpoints(set: ResourceSet, previous: MeshModel, trusting: Trusting): Resolved | undefined {
  const before = made.get(previous);
  if (!before || !sameButEndpoints(before.set, set) || !isDeepStrictEqual(before.trusting, trusting)) return undefined;
  const [old, now] = [before.set.resources.EndpointSlice, set.resources.EndpointSlice];
  const changed = [...now].filter(([key, slice]) => old.get(key) !== slice).flatMap(([key, slice]) => [slice, old.get(key) ?? []].flat());
  const gone = [...old].filter(([key]) => !now.has(key)).map(([, slice]) => slice);
  const concerned = [...changed, ...gone];
  // One that cannot be used is written on its Service.
  if (concerned.some(({ value }) => value.addressType === 'FQDN')) return undefined;
  const services = new Set(concerned.map(serviceOfSlice));
  const drafts = before.drafts.filter((draft) => services.has(`${draft.namespace}/${draft.name}`));
  const slices = slicesByService(set, services);
  const fresh = new Map(drafts.map((draft) => [draft.key, endpointsOf(draft, set, slices, new Report())]));
  const endpoints = new Map([...previous.endpoints].map(([key, localities]) => [key, shareUnchanged(localities, fresh.get(key) ?? localities)]));
  const regions = regionsByAddress([...endpoints.values()]);
  const model = { ...previous, endpoints: shareUnchanged(previous.endpoints, endpoints), regions: shareUnchanged(previous.regions, regions) };
  return remembered(Object.freeze(shareShallow(previous, model)), { ...before, set });
}

function sameButEndpoints(before: ResourceSet, set: ResourceSet): boolean {
  const kinds = Object.keys(set.resources) as (keyof ResourceSet['resources'])[];
  return kinds.every((kind) => kind === 'EndpointSlice' || sameEntries(before.resources[kind], set.resources[kind]))
    && isDeepStrictEqual(before.rejected, set.rejected) && sameNames(before.namespaces, set.namespaces);
}

function sameEntries(a: ReadonlyMap<string, Resource>, b: ReadonlyMap<string, Resource>): boolean {
  return a === b || (a.size === b.size && [...b].every(([key, one]) => a.get(key) === one));
}

function sameNames(a: ReadonlySet<string> | undefined, b: ReadonlySet<string> | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.size === b.size && [...b].every((name) => a.has(name)));
}

function shareShallow(previous: MeshModel, model: MeshModel): MeshModel {
  return previous.endpoints === model.endpoints && previous.regions === model.regions ? previous : model;
}

function remembered(model: MeshModel, from: Made): Resolved {
  made.set(model, from);
  return { model, objects: from.objects };
}

/** There are guests where pods are given sidecars. */
function guestSettings(mesh: MeshResource | undefined, security: Security): MeshSettings | undefined {
  return mesh?.spec.injection && settingsOf(keyOf(mesh.metadata), mesh, security);
}

function regionsByAddress(localities: readonly (readonly Locality[])[]): Map<string, string> {
  return new Map(localities.flat().filter(({ region }) => region !== '').flatMap(({ region, endpoints }) => (
    endpoints.map(({ address }) => [address, region] as const)
  )));
}
