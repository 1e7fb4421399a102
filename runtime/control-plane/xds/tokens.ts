import { isIP } from 'node:net';
import {
  Cluster_LbPolicy, ClusterSchema, create, duration, HttpFilterSchema, JwksOutageSchema, JwtAuthenticationSchema, packAny,
  SubjectAltNameMatcher_SanType, TransportSocketSchema, UpstreamTlsContextSchema, type Cluster, type HttpFilter, type JwtProviderSchema,
  type JwtRequirementSchema, type TransportSocket,
} from '../../xds';
import type { Authentication, Service, TokenProvider } from '../model';
import { fixedEndpoints } from './fixed-endpoints';
import type { Init } from './init';
import { KEYS } from './names';

/** The filter, and the place where it leaves what tokens say. */
export const TOKENS = 'envoy.filters.http.jwt_authn';
export const CLAIMS = 'payload';
/** Claims of several words (RFC 6749 §3.3, and what others call the same). */
const WORDS = ['scope', 'scp'];

const FETCH_TIMEOUT = 5000;
const CONNECT_TIMEOUT = 2000;
/** After a fetch that failed; then ever later. */
const FAILED_REFETCH = 1000;
/** Tokens that a proxy remembers as verified. */
const REMEMBERED = 1000;

/** Asks for tokens, before anything else does. */
export function tokenFilter({ name, namespace }: Service, { providers, required, withoutToken }: Authentication): HttpFilter {
  const names = providers.map((_, index) => (index === 0 ? `${name}.${namespace}` : `${name}.${namespace}/${index + 1}`));
  const clusters = keysPlaces(providers);
  const needed = names.map((provider): Init<typeof JwtRequirementSchema> => ({ requiresType: { case: 'providerName', value: provider } }));
  const missing: Init<typeof JwtRequirementSchema> = { requiresType: { case: 'allowMissing', value: {} } };
  const requirements = required ? needed : [...needed, missing];
  const filter = create(JwtAuthenticationSchema, {
    providers: Object.fromEntries(providers.map((provider, index) => [names[index]!, providerOf(provider, clusters.get(provider)!.name)])),
    rules: [
      ...withoutToken.map(({ kind, value }) => ({
        match: {
          pathSpecifier: kind === 'exact' ? { case: 'path' as const, value } : value === '/' ? { case: 'prefix' as const, value }
            : { case: 'pathSeparatedPrefix' as const, value: value.replace(/\/$/, '') },
        },
      })),
      {
        match: { pathSpecifier: { case: 'prefix', value: '/' } },
        requirementType: {
          case: 'requires',
          value: requirements.length === 1 ? requirements[0]! : { requiresType: { case: 'requiresAny', value: { requirements } } },
        },
      },
    ],
  });
  return create(HttpFilterSchema, { name: TOKENS, configType: { case: 'typedConfig', value: packAny(JwtAuthenticationSchema, filter) } });
}

function providerOf(provider: TokenProvider, cluster: string): Init<typeof JwtProviderSchema> {
  const { issuer, audiences, clockSkew, forwardToken, claimHeaders, keys } = provider;
  return {
    issuer,
    audiences: [...audiences],
    requireExpiration: true,
    jwksSourceSpecifier: {
      case: 'remoteJwks',
      value: {
        httpUri: { uri: keys.url, httpUpstreamType: { case: 'cluster', value: cluster }, timeout: duration(FETCH_TIMEOUT) },
        cacheDuration: duration(keys.refreshAfter),
        // Whoever waits for keys is a request that needs them, never the listener: an outage of the issuer breaks no configuration.
        asyncFetch: { fastListener: true, failedRefetchDuration: duration(FAILED_REFETCH) },
      },
    },
    forward: forwardToken,
    fromHeaders: [{ name: 'Authorization', valuePrefix: 'Bearer ' }],
    payloadInMetadata: CLAIMS,
    normalizePayloadInMetadata: { spaceDelimitedClaims: WORDS },
    clockSkewSeconds: Math.max(1, Math.round(clockSkew / 1000)),
    jwtCacheConfig: { jwtCacheSize: REMEMBERED },
    claimToHeaders: claimHeaders.map(({ header, claim }) => ({ headerName: header, claimName: claim })),
  };
}

function hostAndPort(url: string): { readonly host: string; readonly port: number; readonly secure: boolean } {
  const { hostname, port, protocol } = new URL(url);
  const secure = protocol === 'https:';
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (secure ? 443 : 80) : Number(port), secure };
}

/** Where keys are fetched. */
interface KeysPlace {
  /** Of the cluster. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly authorities: string | undefined;
  readonly keepFor: number;
}

/** Issuers whose keys are at one place, and are trusted alike, share a cluster. */
function keysPlaces(providers: readonly TokenProvider[]): Map<TokenProvider, KeysPlace> {
  const places = new Map<string, KeysPlace>();
  const used = new Map<string, number>();
  return new Map(providers.map((provider) => {
    const { keys: { url, authorities, keepFor } } = provider;
    const at = { ...hostAndPort(url), authorities, keepFor };
    const key = JSON.stringify(at);
    const plain = `${KEYS}${at.host}:${at.port}`;
    let place = places.get(key);
    if (place === undefined) {
      const count = (used.get(plain) ?? 0) + 1;
      used.set(plain, count);
      place = { name: count === 1 ? plain : `${plain}/${count}`, ...at };
      places.set(key, place);
    }
    return [provider, place];
  }));
}

/** Where keys are fetched, outside of the mesh: by the name that the URL has, and with a certificate that has it where it says https. */
export function keysClusters({ providers }: Authentication): Cluster[] {
  return [...new Set(keysPlaces(providers).values())].map(keysCluster);
}

function keysCluster({ name, host, port, secure, authorities, keepFor }: KeysPlace): Cluster {
  return create(ClusterSchema, {
    name,
    connectTimeout: duration(CONNECT_TIMEOUT),
    lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
    ...fixedEndpoints(name, [{ address: host, port }]),
    transportSocket: secure ? socketOf(host, authorities) : undefined,
    metadata: {
      typedFilterMetadata: { 'meshwright.jwks': packAny(JwksOutageSchema, create(JwksOutageSchema, { keepFor: duration(keepFor) })) },
    },
  });
}

function socketOf(host: string, authorities: string | undefined): TransportSocket {
  const isName = isIP(host) === 0;
  const context = create(UpstreamTlsContextSchema, {
    sni: isName ? host : '',
    commonTlsContext: {
      alpnProtocols: ['http/1.1'],
      validationContextType: {
        case: 'validationContext',
        value: {
          ...authorities === undefined ? { systemRootCerts: {} } : { trustedCa: { specifier: { case: 'inlineString', value: authorities } } },
          matchTypedSubjectAltNames: [{
            sanType: isName ? SubjectAltNameMatcher_SanType.DNS : SubjectAltNameMatcher_SanType.IP_ADDRESS,
            matcher: { matchPattern: { case: 'exact', value: host } },
          }],
        },
      },
    },
  });
  return create(TransportSocketSchema, {
    name: 'envoy.transport_sockets.tls', configType: { case: 'typedConfig', value: packAny(UpstreamTlsContextSchema, context) },
  });
}
