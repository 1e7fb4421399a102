/**
 * The north contract: what constructs emit and the control plane reads. zod only; the CRDs are generated from it. Published as the subpath
 * `meshwright/contract`, never through the package's index: jsii does not know zod.
 */
export * from './names';
export * from './ports';
export * from './duration';
export * from './identity';
export type { AuthenticationSpec, ClaimSpec } from './authentication';
export type { AllowedSpec } from './authorization';
export * from './mesh';
export * from './mesh-service';
export * from './external-service';
export type { OutsideTrafficSpec } from './outside-traffic';
export * from './node';
export * from './sidecar';
export * from './crd';
export * from './pod';
export * from './explain';
export * as traffic from './traffic';
export type { OutboundSpec } from './traffic';
