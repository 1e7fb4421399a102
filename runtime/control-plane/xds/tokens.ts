import { isIP } from 'node:net';
import {
  Cluster_LbPolicy, ClusterSchema, create, duration, HttpFilterSchema, JwksOutageSchema, JwtAuthenticationSchema, packAny,
  SubjectAltNameMatcher_SanType, TransportSocketSchema, UpstreamTlsContextSchema, type Cluster, type HttpFilter, type JwtRequirementSchema,
  type TransportSocket,
} from '../../xds';
import type { Authentication, Service } from '../model';
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
export function tokenFilter({ name, namespace }: Service, authentication: Authentication): HttpFilter {
  const provider = `${name}.${namespace}`;
  const { issuer, audiences, clockSkew, forwardToken, claimHeaders, keys, required, withoutToken } = authentication;
  const needed: Init<typeof JwtRequirementSchema> = { requiresType: { case: 'providerName', value: provider } };
  const filter = create(JwtAuthenticationSchema, {
    providers: {
      [provider]: {
        issuer,
        audiences: [...audiences],
        requireExpiration: true,
        jwksSourceSpecifier: {
          case: 'remoteJwks',
          value: {
            httpUri: { uri: keys.url, httpUpstreamType: { case: 'cluster', value: keysClusterName(keys.url) }, timeout: duration(FETCH_TIMEOUT) },
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
      },
    },
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
          value: required ? needed
            : { requiresType: { case: 'requiresAny', value: { requirements: [needed, { requiresType: { case: 'allowMissing', value: {} } }] } } },
        },
      },
    ],
  });
  return create(HttpFilterSchema, { name: TOKENS, configType: { case: 'typedConfig', value: packAny(JwtAuthenticationSchema, filter) } });
}

function hostAndPort(url: string): { readonly host: string; readonly port: number; readonly secure: boolean } {
  const { hostname, port, protocol } = new URL(url);
  const secure = protocol === 'https:';
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (secure ? 443 : 80) : Number(port), secure };
}

function keysClusterName(url: string): string {
  const { host, port } = hostAndPort(url);
  return `${KEYS}${host}:${port}`;
}

/** Where keys are fetched: outside of the mesh, by the name that the URL has, with a certificate of a public authority where it says https. */
export function keysCluster({ keys: { url, keepFor } }: Authentication): Cluster {
  const { host, port, secure } = hostAndPort(url);
  const name = keysClusterName(url);
  return create(ClusterSchema, {
    name,
    connectTimeout: duration(CONNECT_TIMEOUT),
    lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
    ...fixedEndpoints(name, [{ address: host, port }]),
    transportSocket: secure ? publicSocket(host) : undefined,
    metadata: {
      typedFilterMetadata: { 'meshwright.jwks': packAny(JwksOutageSchema, create(JwksOutageSchema, { keepFor: duration(keepFor) })) },
    },
  });
}

function publicSocket(host: string): TransportSocket {
  const isName = isIP(host) === 0;
  const context = create(UpstreamTlsContextSchema, {
    sni: isName ? host : '',
    commonTlsContext: {
      alpnProtocols: ['http/1.1'],
      validationContextType: {
        case: 'validationContext',
        value: {
          systemRootCerts: {},
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
