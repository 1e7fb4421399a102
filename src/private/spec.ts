import type { MeshServiceSpec } from '../contract/mesh-service';

/** A member of `MeshService.spec` that is there. */
export type Spec<K extends keyof MeshServiceSpec> = NonNullable<MeshServiceSpec[K]>;
/** What is hashed. */
export type HashKeySpec = NonNullable<Spec<'loadBalancer'>['ringHash']>['key'];
/** One limit. */
export type RateLimitSpec = Spec<'rateLimits'>[number];
/** What a rule of a route does that Gateway API cannot say. */
export type RulePolicySpec = Spec<'rules'>[number];
