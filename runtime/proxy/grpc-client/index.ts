export { GrpcCall, type GrpcCallEvents, type GrpcCallOptions, type GrpcClientDeps } from './call';
export { controlPlaneTls, type ControlPlaneTrust, type OwnCertificate } from './control-plane-tls';
