import { readFileSync } from 'node:fs';
import { CONTROL_PLANE, serviceHost } from '../../src/contract';
import type { Clock } from '../clock';
import { FileAuthorityStore } from './identity/file-store';
import type { IdentityOptions } from './identity/identity-server';
import { SecretAuthorityStore } from './identity/secret-store';
import { KubernetesTokenVerifier, ListedTokenVerifier, type TokenReviewStatus, type Workload } from './identity/token';
import { TrustBundleFile } from './identity/trust-bundle-file';
import { TrustBundleWriter } from './identity/trust-bundle-writer';
import type { KubernetesApi } from './kubernetes';
import type { Log } from './log';
import { OptionsError, type Options } from './options';

export interface IdentitiesDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of the cluster, where the control plane has one. */
  readonly api: KubernetesApi | undefined;
}

/** What the command line says of identities; undefined where it names no authority. @throws OptionsError */
export function identitiesOf(options: Options, deps: IdentitiesDeps): IdentityOptions | undefined {
  const { authority, certificateAddress, clusterDomain, tokens, trustBundle, trustDomain } = options;
  if (authority === undefined) return undefined;
  const { api, clock, env, log, random } = deps;
  const namespace = env.POD_NAMESPACE ?? 'default';
  const host = certificateAddress.host.includes(':') ? `[${certificateAddress.host}]` : certificateAddress.host;
  const common = {
    trustDomain: trustDomain!,
    self: { namespace, serviceAccount: CONTROL_PLANE },
    dnsNames: [serviceHost(CONTROL_PLANE, namespace, clusterDomain), `${CONTROL_PLANE}.${namespace}.svc`],
    address: `${host}:${certificateAddress.port}`,
  };
  if (authority.kind === 'file') {
    if (tokens === undefined) throw new OptionsError('--authority file:FILE needs --tokens FILE: there is no Kubernetes API that knows whose a token is');
    return {
      ...common,
      authority: new FileAuthorityStore({ clock, log, file: authority.file, create: trustDomain! }),
      tokens: new ListedTokenVerifier(() => listed(tokens, log)),
      ...trustBundle === undefined ? {} : { publish: new TrustBundleFile(trustBundle, log) },
    };
  }
  if (!api) throw new OptionsError('--authority secret:NAME needs --source kubernetes');
  const writer = new TrustBundleWriter({ api, clock, random, log });
  return {
    ...common,
    authority: new SecretAuthorityStore({
      api, clock, random, log, namespace, name: authority.name, create: authority.make ? trustDomain : undefined,
    }),
    tokens: new KubernetesTokenVerifier(async (spec) => {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec };
      const { status } = await api.request<{ status: TokenReviewStatus }>({ method: 'POST', path: '/apis/authentication.k8s.io/v1/tokenreviews', body });
      return status;
    }),
    publish: writer,
  };
}

/** A JSON file, `{"<token>": {"namespace": "shop", "serviceAccount": "order"}}`; read each time, as workloads come and go. */
function listed(file: string, log: Log): ReadonlyMap<string, Workload> {
  try {
    const entries = Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, Omit<Workload, 'pod'> & { readonly pod?: string }>);
    return new Map(entries.map(([token, workload]) => [token, { ...workload, pod: workload.pod }]));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    log.error('identity', 'the file of tokens cannot be read', { file, reason: code ?? 'it is no JSON' });
    return new Map();
  }
}
