/** Ports and identities that the sidecar reserves in a pod. They are Envoy's and Istio's usual numbers where those exist. */

/** The sidecar's outbound listener: HTTP by `Host` or absolute-form. */
export const OUTBOUND_PORT = 15001;
/** The sidecar's inbound listener: what callers dial. */
export const INBOUND_PORT = 15006;
/** The sidecar's admin server; loopback only. */
export const ADMIN_PORT = 15000;
/** Readiness, liveness and Prometheus metrics of the sidecar: what the kubelet and scrapers may reach. */
export const HEALTH_PORT = 15020;
/** The control plane's delta ADS server. */
export const XDS_PORT = 15010;
/** Where proxies ask the control plane for certificates; TLS, without one of the client. */
export const CERTIFICATE_PORT = 15012;
/** The control plane's admission webhook, which puts the sidecar into pods. */
export const INJECTOR_PORT = 15017;
/** The control plane's admin server: `/ready`, `/status`, `/metrics`. */
export const CONTROL_PLANE_ADMIN_PORT = 15014;
/** User and group that sidecars run as; its traffic is never redirected. */
export const PROXY_UID = 1337;
/** Ports that no application container of a meshed pod may open. */
export const RESERVED_PORTS: readonly number[] = [
  ADMIN_PORT, OUTBOUND_PORT, INBOUND_PORT, XDS_PORT, CERTIFICATE_PORT, CONTROL_PLANE_ADMIN_PORT, HEALTH_PORT,
];
