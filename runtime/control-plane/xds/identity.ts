import { serviceHost } from '../../../src/contract';
import {
  create, DownstreamTlsContextSchema, HttpFilterSchema, HttpRbacSchema, NetworkRbacSchema, packAny, SecretSchema, TransportSocketSchema,
  UpstreamTlsContextSchema, TlsParameters_TlsProtocol, type CommonTlsContextSchema, type Filter, FilterSchema, type HttpFilter,
  type RbacRulesSchema, type Secret, SubjectAltNameMatcher_SanType, type TransportSocket,
} from '../../xds';
import type { Backend, Caller, MeshSettings, Protocol, Service } from '../model';
import type { Init } from './init';

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
export function serverSocket({ mesh: { trustDomain }, protocol }: Service): TransportSocket {
  const context = create(DownstreamTlsContextSchema, {
    commonTlsContext: common(protocol, [{ kind: 'prefix', value: `spiffe://${trustDomain}/` }]),
    requireClientCertificate: true,
  });
  return create(TransportSocketSchema, { name: TLS, configType: { case: 'typedConfig', value: packAny(DownstreamTlsContextSchema, context) } });
}

/** What callers demand of the pods of a backend: the identity of its service, and of no other. */
export function clientSocket({ name, namespace, protocol }: Backend, identity: string): TransportSocket {
  const context = create(UpstreamTlsContextSchema, {
    commonTlsContext: { ...common(protocol, [{ kind: 'exact', value: identity }]), alpnProtocols: protocol === 'http' ? ['http/1.1'] : protocol === 'tcp' ? [] : ['h2'] },
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

/** Whom a service lets in: who declares a call to it, each a policy of its own, so that a log can name it. Without one nobody. */
function rules(callers: readonly Caller[]): Init<typeof RbacRulesSchema> {
  return {
    policies: Object.fromEntries(callers.map(({ key, identity }) => [key, {
      permissions: [{ rule: { case: 'any' as const, value: true } }],
      principals: [{
        identifier: { case: 'authenticated' as const, value: { principalName: { matchPattern: { case: 'exact' as const, value: identity } } } },
      }],
    }])),
  };
}

/** Judges requests. */
export function authorizationFilter({ name, namespace, callers }: Service): HttpFilter {
  const rbac = create(HttpRbacSchema, { rulesStatPrefix: `${name}.${namespace}`, rules: rules(callers) });
  return create(HttpFilterSchema, { name: 'envoy.filters.http.rbac', configType: { case: 'typedConfig', value: packAny(HttpRbacSchema, rbac) } });
}

/** Judges connections. */
export function connectionAuthorization({ name, namespace, callers }: Service): Filter {
  const rbac = create(NetworkRbacSchema, { statPrefix: `${name}.${namespace}`, rules: rules(callers) });
  return create(FilterSchema, { name: 'envoy.filters.network.rbac', configType: { case: 'typedConfig', value: packAny(NetworkRbacSchema, rbac) } });
}

/** Whether what connects is judged by who it is: in a mesh that lets plain text in, whoever uses it is nobody. */
export function isJudged({ security, encryption }: MeshSettings, plainText: boolean): boolean {
  return security !== 'none' && !(plainText && encryption === 'permissive');
}
