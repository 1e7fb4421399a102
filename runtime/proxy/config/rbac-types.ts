import type { MetadataMatchConfig } from './jwt-types';
import type { NamedMatchConfig, ValueMatchConfig } from './types';

/** Role-based access control (envoy.config.rbac.v3) as the data path sees it; as `types.ts`. */
export interface RbacConfig {
  /** In logs and metrics. */
  readonly statPrefix: string;
  /** Undefined: everything is allowed. */
  readonly rules: RbacRulesConfig | undefined;
  /** What would be decided, for metrics and logs alone. */
  readonly shadow: RbacRulesConfig | undefined;
}

export interface RbacRulesConfig {
  /** What becomes of whoever a policy matches; of all others the opposite. */
  readonly action: 'allow' | 'deny';
  /** By name, so that the same configuration decides by the same one. */
  readonly policies: readonly RbacPolicyConfig[];
}

export interface RbacPolicyConfig {
  readonly name: string;
  /** One of them must match what is asked for. */
  readonly permissions: readonly RbacTerm[];
  /** One of them must match whoever asks. */
  readonly principals: readonly RbacTerm[];
}

/** A condition, on what is asked for or on whoever asks. */
export type RbacTerm =
  | { readonly kind: 'any' }
  | { readonly kind: 'and' | 'or'; readonly terms: readonly RbacTerm[] }
  | { readonly kind: 'not'; readonly term: RbacTerm }
  | { readonly kind: 'header'; readonly match: NamedMatchConfig }
  | { readonly kind: 'path'; readonly match: ValueMatchConfig }
  | { readonly kind: 'port'; readonly port: number }
  /** Undefined: whoever has a certificate that was verified. */
  | { readonly kind: 'authenticated'; readonly name: ValueMatchConfig | undefined }
  /** What a token says that was verified. */
  | { readonly kind: 'metadata'; readonly match: MetadataMatchConfig }
  | { readonly kind: 'address'; readonly prefix: string; readonly length: number };
