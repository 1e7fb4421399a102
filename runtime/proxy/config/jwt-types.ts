import type { PathMatchConfig, NamedMatchConfig, ValueMatchConfig } from './types';

/** Verification of JSON Web Tokens (envoy.extensions.filters.http.jwt_authn.v3) as the data path sees it; as `types.ts`. */
export interface JwtConfig {
  readonly providers: readonly JwtProviderConfig[];
  /** The first that matches says what is asked of a request; where none does, nothing is. */
  readonly rules: readonly JwtRuleConfig[];
  /** What routes name (requirement_map). */
  readonly named: ReadonlyMap<string, JwtRequirement>;
  /** CORS preflights pass without a token. */
  readonly bypassCorsPreflight: boolean;
}

/** Of one issuer: whose tokens are taken, how they are verified, and what becomes of what they say. */
export interface JwtProviderConfig {
  readonly name: string;
  /** `iss`; undefined: any. */
  readonly issuer: string | undefined;
  /** One of them has to be in `aud`; empty: any token of the issuer is taken, or one without. */
  readonly audiences: readonly string[];
  readonly keys: RemoteKeysConfig | LocalKeysConfig;
  /** Tokens without `exp` are refused. */
  readonly requireExpiration: boolean;
  /** Milliseconds that clocks may differ by. */
  readonly clockSkew: number;
  /** The upstream gets the token, too. */
  readonly forward: boolean;
  /** Where tokens are looked for, in this order. */
  readonly headers: readonly { readonly name: string; readonly prefix: string }[];
  /** Request headers that are made of claims, and that nobody else may send. */
  readonly claimHeaders: readonly { readonly header: string; readonly claim: string }[];
  /** A header with the whole payload, in base64url; undefined: none. */
  readonly payloadHeader: { readonly name: string; readonly padded: boolean } | undefined;
  /** Key in the metadata under which rules of authorization find the claims (payload_in_metadata); undefined: they do not. */
  readonly metadataKey: string | undefined;
  /** Claims that rules see as lists, though they are words in one string (RFC 6749 §3.3). */
  readonly spaceDelimited: readonly string[];
  /** Tokens that are remembered as verified; 0: none. */
  readonly cacheSize: number;
}

/** Keys that are fetched (RemoteJwks). */
export interface RemoteKeysConfig {
  readonly kind: 'remote';
  readonly cluster: string;
  /** Of the Host header. */
  readonly host: string;
  readonly path: string;
  /** Milliseconds for one fetch. */
  readonly timeout: number;
  /** Milliseconds for which keys are good. */
  readonly cacheDuration: number;
  /** They are fetched before the first request asks for them, and anew before they are too old. */
  readonly ahead: boolean;
  /** Milliseconds after a fetch that failed, before the next one. */
  readonly failedRefetch: number;
}

/** Keys that are a part of the configuration. */
export interface LocalKeysConfig {
  readonly kind: 'local';
  readonly jwks: string;
}

export interface JwtRuleConfig {
  readonly path: PathMatchConfig;
  readonly headers: readonly NamedMatchConfig[];
  readonly queryParams: readonly NamedMatchConfig[];
  /** Undefined: nothing. */
  readonly requires: JwtRequirement | undefined;
}

export type JwtRequirement =
  /** A token of this provider, for `audiences` instead of its own where there are some. */
  | { readonly kind: 'provider'; readonly provider: string; readonly audiences: readonly string[] | undefined }
  | { readonly kind: 'any' | 'all'; readonly of: readonly JwtRequirement[] }
  /** Whoever has no token may pass; one that is there has to be right. */
  | { readonly kind: 'allow_missing' }
  | { readonly kind: 'allow_missing_or_failed' };

/** Of a route: off, or the name of what it asks for. */
export type JwtOfRoute = { readonly disabled: true } | { readonly disabled: false; readonly requirement: string };

/** A place in metadata of a request, and what has to stand there (envoy.type.matcher.v3.MetadataMatcher). */
export interface MetadataMatchConfig {
  readonly path: readonly string[];
  readonly value: MetadataValueMatch;
  readonly invert: boolean;
}

export type MetadataValueMatch =
  | { readonly kind: 'text'; readonly match: ValueMatchConfig }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'present'; readonly value: boolean }
  | { readonly kind: 'list'; readonly oneOf: MetadataValueMatch }
  | { readonly kind: 'or'; readonly of: readonly MetadataValueMatch[] };
