import { serviceHost } from '../../../src/contract';
import {
  create, DownstreamTlsContextSchema, FilterSchema, HttpFilterSchema, HttpRbacSchema, NetworkRbacSchema, packAny, SecretSchema,
  SubjectAltNameMatcher_SanType, TlsParameters_TlsProtocol, TransportSocketSchema, UpstreamTlsContextSchema, type CommonTlsContextSchema, type Filter,
  type HttpFilter, type MetadataMatcherSchema, type RbacPermissionSchema, type RbacPolicySchema, type RbacPrincipalSchema, type RbacRulesSchema,
  type Secret, type TransportSocket,
} from '../../xds';
import type { Backend, Permitted, Protocol, Service } from '../model';
import { TUNNELLED } from './detection';
import type { Init } from './init';
import type { DetectedProtocol } from './names';
import { CLAIMS, TOKENS } from './tokens';

/** Name by SDS of a proxy's own certificate. It makes the key itself and asks for the certificate; nobody can get that of another by a name. */
export const SVID = 'svid';
/** Name by SDS of the roots that everybody trusts. */
export const TRUST_BUNDLE = 'trust-bundle';

const TLS = 'envoy.transport_sockets.tls';

/** What both ends have in common: their own certificate, TLS 1.3, and who is trusted. */
function common(protocol: Protocol, names: readonly { readonly kind: 'exact' | 'prefix'; readonly value: string }[]): Init<typeof CommonTlsContextSchema> {
  return {
    tlsParams: { tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3, tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3 },
    tlsCertificateSdsSecretConfigs: [byAds(SVID)],
    alpnProtocols: protocol === 'http' ? ['http/1.1'] : protocol === 'tcp' ? [] : ['h2', 'http/1.1'],
    validationContextType: {
      case: 'combinedValidationContext',
      value: {
        defaultValidationContext: {
          matchTypedSubjectAltNames: names.map(({ kind, value }) => ({
            sanType: SubjectAltNameMatcher_SanType.URI, matcher: { matchPattern: { case: kind, value } },
          })),
        },
        validationContextSdsSecretConfig: byAds(TRUST_BUNDLE),
      },
    },
  };
}

function byAds(name: string) {
  return { name, sdsConfig: { configSourceSpecifier: { case: 'ads' as const, value: {} }, resourceApiVersion: 2 } };
}

/** What a service's pods demand of whoever connects: a certificate of the trust domain. */
export function serverSocket({ mesh: { trustDomain }, protocol }: Service, detected?: DetectedProtocol): TransportSocket {
  const context = create(DownstreamTlsContextSchema, {
    commonTlsContext: {
      ...common(protocol, [{ kind: 'prefix', value: `spiffe://${trustDomain}/` }]), ...detected && { alpnProtocols: [TUNNELLED[detected]] },
    },
    requireClientCertificate: true,
  });
  return create(TransportSocketSchema, { name: TLS, configType: { case: 'typedConfig', value: packAny(DownstreamTlsContextSchema, context) } });
}

/** What callers demand of the pods of a backend: the identity of its service, and of no other. */
export function clientSocket(
  { name, namespace, protocol, detects }: Backend, identity: string,
): TransportSocket {
  const alpnProtocols = detects ? [TUNNELLED.tcp] : protocol === 'http' ? ['http/1.1'] : protocol === 'tcp' ? [] : ['h2'];
  const context = create(UpstreamTlsContextSchema, {
    commonTlsContext: { ...common(protocol, [{ kind: 'exact', value: identity }]), alpnProtocols },
    sni: serviceHost(name, namespace),
  });
  return create(TransportSocketSchema, { name: TLS, configType: { case: 'typedConfig', value: packAny(UpstreamTlsContextSchema, context) } });
}

/** The roots, as SDS delivers them. */
export function trustBundle(pem: string): Secret {
  return create(SecretSchema, {
    name: TRUST_BUNDLE,
    type: { case: 'validationContext', value: { trustedCa: { specifier: { case: 'inlineString', value: pem } } } },
  });
}

/**
 * Whom a service lets in: who declares a call to it, each a policy of its own, so that a log can name it. Without one nobody.
 * @param requests whether requests are judged; of connections, in which none is seen, who may ask for some things only gets none.
 */
function rules({ callers, encryption, mesh: { security } }: Service, requests: boolean): Init<typeof RbacRulesSchema> {
  const judged = callers.filter(({ allow }) => requests || allow === undefined);
  const policies = judged.map(({ key, identity, allow }): [string, Init<typeof RbacPolicySchema>] => [key, {
    permissions: allow === undefined ? [ANYTHING] : allow.map(permission),
    principals: [{ identifier: { case: 'authenticated', value: { principalName: { matchPattern: { case: 'exact', value: identity } } } } }],
  }]);
  // With certificates plain text has a chain of its own.
  if (security === 'network' && encryption === 'permissive') policies.push(['plain text', { permissions: [ANYTHING], principals: [NOBODY] }]);
  return { policies: Object.fromEntries(policies) };
}

/** Whoever does not prove who it is. */
const NOBODY: Init<typeof RbacPrincipalSchema> = { identifier: { case: 'notId', value: { identifier: { case: 'authenticated', value: {} } } } };

type Permission = Init<typeof RbacPermissionSchema>;
const ANYTHING: Permission = { rule: { case: 'any', value: true } };

function permission({ methods, paths, claims = [] }: Permitted): Permission {
  const byMethod = methods.map((method): Permission => ({
    rule: {
      case: 'header', value: { name: ':method', headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern: { case: 'exact', value: method } } } },
    },
  }));
  const byPath = paths.flatMap(({ kind, value }): Permission[] => {
    if (kind === 'exact') return [urlPath('exact', value)];
    // By whole segments.
    const segments = value.endsWith('/') ? value.slice(0, -1) : value;
    return segments === '' ? [ANYTHING] : [urlPath('exact', segments), urlPath('prefix', `${segments}/`)];
  });
  return all([any(byMethod), any(byPath), ...claims.map(claim)].filter((one) => one !== undefined));
}

type ValueMatch = NonNullable<Init<typeof MetadataMatcherSchema>['value']>;

/** What a token says, as its filter has left it. Several values are a list there. */
function claim({ name, kind, value }: NonNullable<Permitted['claims']>[number]): Permission {
  const text: ValueMatch = { matchPattern: { case: 'stringMatch', value: { matchPattern: { case: 'exact', value } } } };
  const list: ValueMatch = { matchPattern: { case: 'listMatch', value: { matchPattern: { case: 'oneOf', value: text } } } };
  // A name that is a URL has dots of its own (OpenID Connect Core 1.0 §5.1.2).
  const keys = [CLAIMS, .../[/:]/.test(name) ? [name] : name.split('.')];
  return {
    rule: {
      case: 'metadata',
      value: {
        filter: TOKENS,
        path: keys.map((key) => ({ segment: { case: 'key' as const, value: key } })),
        value: kind === 'equals' ? text : { matchPattern: { case: 'orMatch', value: { valueMatchers: [list, text] } } },
      },
    },
  };
}

function urlPath(kind: 'exact' | 'prefix', value: string): Permission {
  return { rule: { case: 'urlPath', value: { rule: { case: 'path', value: { matchPattern: { case: kind, value } } } } } };
}

function any(permissions: readonly Permission[]): Permission | undefined {
  return permissions.length < 2 ? permissions[0] : { rule: { case: 'orRules', value: { rules: [...permissions] } } };
}

function all(permissions: readonly Permission[]): Permission {
  if (permissions.length === 0) return ANYTHING;
  return permissions.length === 1 ? permissions[0]! : { rule: { case: 'andRules', value: { rules: [...permissions] } } };
}

/** The rules in force, or, in an audit, only counted. */
function enforced(service: Service, requests: boolean) {
  return service.authorization === 'audit' ? { shadowRules: rules(service, requests) } : { rules: rules(service, requests) };
}

/** Judges requests. */
export function authorizationFilter(service: Service): HttpFilter {
  const rbac = create(HttpRbacSchema, { rulesStatPrefix: `${service.name}.${service.namespace}`, ...enforced(service, true) });
  return create(HttpFilterSchema, { name: 'envoy.filters.http.rbac', configType: { case: 'typedConfig', value: packAny(HttpRbacSchema, rbac) } });
}

/** Judges connections. */
export function connectionAuthorization(service: Service): Filter {
  const rbac = create(NetworkRbacSchema, { statPrefix: `${service.name}.${service.namespace}`, ...enforced(service, false) });
  return create(FilterSchema, { name: 'envoy.filters.network.rbac', configType: { case: 'typedConfig', value: packAny(NetworkRbacSchema, rbac) } });
}

/** Whether what connects is judged by who it is: where a service lets plain text in, whoever uses it is nobody. */
export function isJudged({ mesh: { security }, encryption }: Service, plainText: boolean): boolean {
  return security !== 'none' && !(plainText && encryption === 'permissive');
}
