import type { Compression, HashKey, Policies, RateLimit, Retry, Timeout } from './policies';

/**
 * The mesh in plain frozen types: no document, no protobuf, no default left open. Durations are milliseconds. Keys of services and meshes are
 * `<namespace>/<name>`, those of backends `<namespace>/<name>:<port>`.
 * What did not change between two models is the same object in both (`shareUnchanged`), so that whoever derives something may remember it.
 */

export interface MeshModel {
  readonly services: ReadonlyMap<string, Service>;
  /** Ports of Kubernetes Services that are called or routed to, by key; each version of a service is one. */
  readonly backends: ReadonlyMap<string, Backend>;
  /** Endpoints of backends by key. Apart from them, because they change so much more often. */
  readonly endpoints: ReadonlyMap<string, readonly Locality[]>;
  /** Region of every endpoint's address: how a proxy's own region is found. */
  readonly regions: ReadonlyMap<string, string>;
  /** Settings of pods that belong to no service; undefined: there are several meshes, or none. */
  readonly guests: MeshSettings | undefined;
  /** Whom everybody trusts; undefined where nobody proves anything. */
  readonly trust: Trust | undefined;
}

/** Roots of certificates. */
export interface Trust {
  /** PEM. */
  readonly bundle: string;
}

/** What is spoken on a port. `http` is HTTP/1.1; `grpc` is HTTP/2 whose messages are gRPC's. */
export type Protocol = 'http' | 'http2' | 'grpc' | 'tcp';

/** A service of the mesh: whom it calls, and what its own proxies do. */
export interface Service {
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  readonly mesh: MeshSettings;
  /** SPIFFE ID of its pods. */
  readonly identity: string;
  /** Whether its pods have a proxy before their application; without one they are reached in plain text, and judge nobody. */
  readonly sidecar: boolean;
  /** Whether its pods take plain text too. */
  readonly encryption: 'strict' | 'permissive';
  /** Calls that nobody declares: they are denied, or counted. */
  readonly authorization: 'enforce' | 'audit';
  /** Port of the application in the pod. */
  readonly port: number;
  readonly protocol: Protocol;
  /** Of bytes: what they speak is not declared, and its proxies look whether it is HTTP. */
  readonly detects?: boolean;
  readonly calls: readonly Call[];
  readonly outside: Outside;
  /** Services that declare a call which may end here, by key. */
  readonly callers: readonly Caller[];
  /** Of connections that bring bytes: closed when nothing went over them for so long; undefined: no bound. */
  readonly idleTimeout: number | undefined;
  readonly rateLimits: readonly RateLimit[];
  /** Of its answers; undefined: none. */
  readonly compression: Compression | undefined;
  /** SHA-256 of bodies: verified in both directions, made for answers. */
  readonly digests: boolean;
  /** Bytes of a request's body, and of a message of gRPC; undefined: no bound. */
  readonly bodyLimit: number | undefined;
  readonly messageLimit: number | undefined;
  /** Injected in front of the application; undefined: none. */
  readonly faults: readonly Fault[] | undefined;
  /** What token a request has to have; undefined: none. */
  readonly authentication?: Authentication;
}

/** Bearer tokens, of one of several issuers. */
export interface Authentication {
  readonly providers: readonly TokenProvider[];
  /** Whether a request without a token is refused. */
  readonly required: boolean;
  /** Paths that need no token. */
  readonly withoutToken: readonly { readonly kind: 'exact' | 'prefix'; readonly value: string }[];
}

/** An issuer of tokens. */
export interface TokenProvider {
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** Milliseconds. */
  readonly clockSkew: number;
  readonly forwardToken: boolean;
  readonly claimHeaders: readonly { readonly header: string; readonly claim: string }[];
  readonly keys: {
    /** Where they are; while that is not known, where the issuer says it. */
    readonly url: string;
    /** Who vouches for the other end, in PEM; undefined: the public authorities. */
    readonly authorities: string | undefined;
    readonly refreshAfter: number;
    /** Beyond that, while none can be had. */
    readonly keepFor: number;
  };
}

/** What a part of the requests gets. */
export type Fault = { readonly percent: number } & (
  | { readonly kind: 'abort'; readonly status: number }
  | { readonly kind: 'delay'; readonly delay: number }
);

/** What the pods of a service reach beside the mesh, where their connections are intercepted. */
export interface Outside {
  /** What nothing else says anything of is passed on to where it was meant to go. */
  readonly everything: boolean;
  /** Names, or `*.` and a suffix of some, of connections of TLS to port 443. */
  readonly hosts: readonly string[];
  /** In the notation of CIDR. */
  readonly networks: readonly string[];
}

/**
 * How it is known who connects. `certificates`: by mutual TLS. `network`: whoever runs the mesh vouches for it, as the network in memory of a test
 * does; what may be done is judged, and nothing is encrypted. `none`: nobody is known, and nothing is judged.
 */
export type Security = 'certificates' | 'network' | 'none';

/** Who may call a service: one that declares it. */
export interface Caller {
  /** Key of its service. */
  readonly key: string;
  /** SPIFFE ID. */
  readonly identity: string;
  /** What it may ask for, any of these; undefined: everything. */
  readonly allow: readonly Permitted[] | undefined;
}

/** Requests that a caller may send: by one of the methods, to one of the paths; where there is none, by or to any. */
export interface Permitted {
  readonly methods: readonly string[];
  readonly paths: readonly { readonly kind: 'exact' | 'prefix'; readonly value: string }[];
  /** What its token has to say, all of it. */
  readonly claims?: readonly { readonly name: string; readonly kind: 'equals' | 'contains'; readonly value: string }[];
}

/** What all proxies of a mesh share. */
export interface MeshSettings {
  readonly key: string;
  readonly trustDomain: string;
  /** DNS domain of the cluster; undefined: `cluster.local`. */
  readonly clusterDomain: string | undefined;
  readonly regions: readonly Region[];
  /** How long the certificate of a workload is valid. */
  readonly certificateLifetime: number;
  readonly security: Security;
  /** Percent of the requests answered below 500 that is logged; undefined: nothing is logged. */
  readonly accessLogPercent: number | undefined;
}

export interface Region {
  readonly name: string;
  readonly zones: readonly string[];
  readonly geohashes: readonly string[];
}

export interface Call {
  /** Key of the backend. */
  readonly backend: string;
  /** What the caller may ask for; undefined: everything. */
  readonly allow: readonly Permitted[] | undefined;
  /** The caller's own bound, instead of all bounds that the callee's service and rules have. */
  readonly timeout: Timeout | undefined;
  /** Port of the loopback at which the caller reaches a backend of bytes; undefined for one of requests, which is told by its name. */
  readonly localPort: number | undefined;
}

/** A Kubernetes Service that a caller may address or a route may name: where its traffic goes, and how a caller treats it. */
export interface Backend {
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  /** Port of the Kubernetes Service. */
  readonly port: number;
  readonly protocol: Protocol;
  /** Of bytes: the proxies of its pods detect whether they are HTTP. */
  readonly detects?: boolean;
  /** Key of the service of the mesh that it is a version of; undefined for a plain Kubernetes Service. */
  readonly service: string | undefined;
  /** How its pods prove who they are; undefined: they do not, and are reached in plain text. */
  readonly tls: { readonly identity: string } | undefined;
  readonly policies: Policies;
  readonly regions: readonly Region[];
  /** Rules of the routes attached to it, most specific first; undefined: no route, everything goes to the backend itself. */
  readonly rules: readonly Rule[] | undefined;
  /** By the namespace of the caller, whose own routes are instead of `rules` (GEP-1426: consumer routes); undefined: no namespace has any. */
  readonly consumerRules: ReadonlyMap<string, readonly Rule[]> | undefined;
  /** What it is, if it is outside of the mesh. */
  readonly external?: External | undefined;
  /** Addresses of the Kubernetes Service, at which guests of the mesh reach it; undefined where it has none, or it is not for guests. */
  readonly addresses: readonly string[] | undefined;
}

/** Something outside of the mesh, which is called by its host name. */
export interface External {
  readonly hostname: string;
  /** Whom its certificate has to come from, in PEM, undefined: the public authorities; undefined: it is reached in plain text. */
  readonly tls: { readonly authorities: string | undefined } | undefined;
  /** Undefined: where the DNS says. */
  readonly endpoints: readonly { readonly address: string; readonly port: number }[] | undefined;
}

/** One match of one rule of a route. */
export interface Rule {
  /** `<route>/<rule>`, in the backend's namespace. */
  readonly name: string;
  /** What its requests are: `grpc` of a GRPCRoute, which takes calls of gRPC only. */
  readonly kind: 'http' | 'grpc';
  readonly match: Match;
  readonly action: Forward | Redirect;
  readonly requestHeaders: HeaderChanges;
  readonly responseHeaders: HeaderChanges;
}

export interface Match {
  readonly path: PathMatch;
  readonly method: string | undefined;
  readonly headers: readonly ValueMatch[];
  readonly queryParams: readonly ValueMatch[];
}

/** A prefix counts in whole segments and has no slash at its end, except `/` itself. */
export interface PathMatch {
  readonly kind: 'exact' | 'regex' | 'prefix';
  readonly value: string;
}

export interface ValueMatch {
  readonly name: string;
  readonly kind: 'exact' | 'regex';
  readonly value: string;
}

export interface Forward {
  readonly kind: 'forward';
  /** Shares of the traffic. Empty, or all of weight 0: nothing can serve, 500. */
  readonly targets: readonly Target[];
  readonly stickyBy: HashKey | undefined;
  /** Undefined members leave the service's own. 0 is no bound. */
  readonly timeout: { readonly total: number | undefined; readonly perTry: number | undefined };
  /** Instead of the service's own. */
  readonly retry: Retry | undefined;
  readonly rewriteHost: string | undefined;
  readonly rewritePath: PathRewrite | undefined;
  /** Where copies go; undefined: nowhere. */
  readonly mirrors?: readonly Mirrored[] | undefined;
}

/** A part of the requests goes to a backend, too, and its answers to nobody. */
export interface Mirrored {
  /** Key of a backend. */
  readonly backend: string;
  readonly perMillion: number;
}

export interface Target {
  /** Key of a backend; undefined for one that does not exist or may not be referred to: its share is answered 500. */
  readonly backend: string | undefined;
  readonly weight: number;
  readonly requestHeaders: HeaderChanges;
  readonly responseHeaders: HeaderChanges;
}

export interface Redirect {
  readonly kind: 'redirect';
  readonly scheme: string | undefined;
  readonly host: string | undefined;
  /** Undefined: the default port of the scheme, where there is one, else that of the request. */
  readonly port: number | undefined;
  readonly path: PathRewrite | undefined;
  readonly status: 301 | 302 | 303 | 307 | 308;
}

export type PathRewrite =
  | { readonly kind: 'full'; readonly value: string }
  /** Replaces the prefix that matched. */
  | { readonly kind: 'prefix'; readonly value: string };

export interface HeaderChanges {
  readonly set: readonly HeaderValue[];
  readonly add: readonly HeaderValue[];
  readonly remove: readonly string[];
}

export interface HeaderValue {
  readonly name: string;
  readonly value: string;
}

export const NO_CHANGES: HeaderChanges = Object.freeze({ set: [], add: [], remove: [] });

/** Endpoints of one region and zone; both are empty where they are not known. */
export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly endpoints: readonly Endpoint[];
  /** Addresses of its pods in the other family, where they have both: whoever means one pod may know it by either. Requests are balanced over the first. */
  readonly secondFamily?: readonly string[];
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
  /** Not ready: counted when a region's health is judged, never used. */
  readonly ready: boolean;
}
