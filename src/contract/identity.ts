/** Audience of the tokens by which workloads prove to the control plane who they are. */
export const TOKEN_AUDIENCE = 'meshwright';
/** ConfigMap of every namespace with a service of the mesh: `ca.crt` has the roots by which the control plane is known. */
export const TRUST_CONFIG_MAP = 'meshwright-trust';
/** Secret of the authority that a mesh makes itself, in the namespace of the control plane. */
export const AUTHORITY_SECRET = 'meshwright-authority';
/** Name of the control plane's Deployment, Service and service account. */
export const CONTROL_PLANE = 'meshwright-control-plane';
