import type { AllowedSpec, ClaimSpec } from '../../../src/contract';
import { rulesFor, type Backend, type Call, type Caller, type Permitted, type Service } from '../model';

/** Services without what all of them together say of each: who may call it. */
export type ServiceDraft = Omit<Service, 'callers'>;

/**
 * Who may call whom: whoever declares a call to a service, and, where routes take that call to other services, those too. A call that is declared by
 * nobody is denied by the called.
 */
export function withCallers(drafts: ReadonlyMap<string, ServiceDraft>, backends: ReadonlyMap<string, Backend>): Map<string, Service> {
  const callers = new Map<string, Map<string, Caller>>();
  for (const { key, namespace, identity, calls } of drafts.values()) {
    for (const { backend, allow } of calls) {
      for (const called of reachedBy(backends.get(backend), namespace, backends)) {
        const known = callers.get(called) ?? new Map<string, Caller>();
        callers.set(called, known.set(key, { key, identity, allow: both(known.get(key), allow) }));
      }
    }
  }
  const audited = auditedServices(drafts, backends);
  return new Map([...drafts].map(([key, draft]) => [key, { ...draft, calls: withAudited(draft, audited), callers: inOrder(callers.get(key)) }]));
}

/** A service that audits, and how it is called by whoever does not declare it. */
type Audited = readonly [called: ServiceDraft, call: Call];

/**
 * Services that count calls which nobody declares: to be counted they have to arrive, so that all proxies of the mesh know how to reach them. Bytes are
 * reached by a port of the loopback that a declared call has.
 */
function auditedServices(drafts: ReadonlyMap<string, ServiceDraft>, backends: ReadonlyMap<string, Backend>): readonly Audited[] {
  const own = [...backends.values()].filter(({ protocol, service, namespace, name }) => protocol !== 'tcp' && service === `${namespace}/${name}`);
  return own.flatMap(({ key: backend, service }) => {
    const draft = drafts.get(service!);
    if (draft?.authorization !== 'audit' || !draft.sidecar) return [];
    return [[draft, { backend, allow: undefined, timeout: undefined, localPort: undefined }] as const];
  });
}

function withAudited({ key, mesh, calls }: ServiceDraft, audited: readonly Audited[]): readonly Call[] {
  const declared = new Set(calls.map(({ backend }) => backend));
  const more = audited.filter(([called, { backend }]) => called.key !== key && called.mesh.key === mesh.key && !declared.has(backend))
    .map(([, call]) => call);
  return more.length === 0 ? calls : [...calls, ...more].sort((a, b) => (a.backend < b.backend ? -1 : 1));
}

/** Of several calls that end at one service, what any of them allows. */
function both(known: Caller | undefined, allow: Caller['allow']): Caller['allow'] {
  if (known === undefined) return allow;
  return known.allow === undefined || allow === undefined ? undefined : [...known.allow, ...allow];
}

/** Rules as requests: a call of gRPC is a POST to a path of its service's and method's names. */
export function permittedBy(allow: readonly AllowedSpec[]): Permitted[] {
  return allow.map(({ http, grpc }) => {
    if (grpc !== undefined) {
      const paths = grpc.methods === undefined ? [{ kind: 'prefix' as const, value: `/${grpc.service}` }]
        : grpc.methods.map((method) => ({ kind: 'exact' as const, value: `/${grpc.service}/${method}` }));
      return { methods: ['POST'], paths, ...claimsOf(grpc.claims) };
    }
    const { exact, prefix } = http?.path ?? {};
    return {
      methods: http?.methods ?? [],
      paths: exact !== undefined ? [{ kind: 'exact', value: exact }] : prefix !== undefined ? [{ kind: 'prefix', value: prefix }] : [],
      ...claimsOf(http?.claims),
    };
  });
}

function claimsOf(claims: readonly ClaimSpec[] | undefined): Pick<Permitted, 'claims'> {
  if (claims === undefined) return {};
  return {
    claims: claims.map(({ name, equals, contains }) => (equals !== undefined ? { name, kind: 'equals', value: equals } : { name, kind: 'contains', value: contains! })),
  };
}

/** Keys of the services that requests from a namespace to a backend may come to. */
function reachedBy(backend: Backend | undefined, namespace: string, backends: ReadonlyMap<string, Backend>): Set<string> {
  if (!backend) return new Set();
  const targets = (rulesFor(backend, namespace)?.rules ?? []).flatMap(({ action }) => (action.kind === 'forward' ? [...action.targets, ...action.mirrors ?? []] : []));
  const reached = [backend.service, ...targets.map((target) => (target.backend === undefined ? undefined : backends.get(target.backend)?.service))];
  return new Set(reached.filter((key) => key !== undefined));
}

function inOrder(callers: ReadonlyMap<string, Caller> | undefined): Caller[] {
  return [...callers?.values() ?? []].sort((a, b) => (a.key < b.key ? -1 : 1));
}
