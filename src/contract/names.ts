/** API group of the custom resources. */
export const GROUP = 'mesh.meshwright.dev';
/** The one served version. */
export const VERSION = 'v1alpha1';
/** `apiVersion` of the custom resources. */
export const API_VERSION = `${GROUP}/${VERSION}`;

/** Label of pods and of everything else that belongs to a service: the service's name. */
export const SERVICE_LABEL = `${GROUP}/service`;
/** Label of pods: the version, `BASE_VERSION` for the service's own workload. */
export const VERSION_LABEL = `${GROUP}/version`;
/** Label of what belongs to a mesh: the mesh's name. */
export const MESH_LABEL = `${GROUP}/mesh`;
/** Label of namespaces and pods: `enabled` asks for the sidecar, `disabled` of a pod does without. */
export const INJECT_LABEL = `${GROUP}/inject`;
/** Value of that label that asks, and the one of a pod that declines. */
export const INJECT_ENABLED = 'enabled';
export const INJECT_DISABLED = 'disabled';
/** Path of the admission webhook. */
export const INJECT_PATH = '/inject';
/** Version label of the workload that a service begins with. */
export const BASE_VERSION = 'base';

/** Name of the sidecar container. */
export const PROXY_CONTAINER = 'meshwright-proxy';
/** Name of the container that keeps the certificate of a pod without a sidecar. */
export const AGENT_CONTAINER = 'meshwright-agent';
/** Name of the sidecar's container port that takes the mesh's traffic. */
export const MESH_PORT_NAME = 'mesh';

/** RFC 1123 label: names of services, versions, regions, rules. */
export const DNS_LABEL = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
/** RFC 1123 subdomain: names of other Kubernetes objects, trust domains. */
export const DNS_SUBDOMAIN = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';
/** A header's field name (RFC 9110 token), lower case. */
export const HEADER_NAME = "^[a-z0-9!#$%&'*+.^_`|~-]+$";
/** A token (RFC 9110 §5.6.2): the name of a cookie. */
export const TOKEN = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";
/** A network of IPv4 or IPv6: an address, `/`, and the length of its prefix. */
export const CIDR = '^([0-9]{1,3}(\\.[0-9]{1,3}){3}/([0-9]|[12][0-9]|3[0-2])|[0-9a-fA-F:]*:[0-9a-fA-F:.]*/([0-9]|[1-9][0-9]|1[01][0-9]|12[0-8]))$';
/** An address of IPv4 or IPv6. */
export const IP_ADDRESS = '^([0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)$';
/** A host name of at least two labels. */
export const HOSTNAME = '^([a-z0-9]([-a-z0-9]*[a-z0-9])?\\.)+[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
/** A host name, or `*.` and what host names end in. */
export const HOST_PATTERN = '^(\\*\\.)?([a-z0-9]([-a-z0-9]*[a-z0-9])?\\.)+[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
/** Certificates in PEM, nothing between them. */
export const CERTIFICATES = '^-----BEGIN CERTIFICATE-----[A-Za-z0-9+/= \\r\\n-]+-----END CERTIFICATE-----[ \\r\\n]*$';
/** Kubernetes' quantity without an exponent. */
export const QUANTITY = '^[0-9]+(\\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi)?$';
/** What names of services, datacenters and tags in Consul may hold. */
export const CONSUL_NAME = '^[A-Za-z0-9._-]+$';
/** A prefix of geohashes: base 32 without a, i, l and o. */
export const GEOHASH = '^[0-9b-hjkmnp-z]+$';
/** A path that a rule of authorization is about: no empty segment, and nothing that two readers may read in two ways. */
export const ALLOWED_PATH = '^/([^/?#;\\\\%\\s]+/)*[^/?#;\\\\%\\s]*$';
/** An absolute URL of http or https: a host, perhaps a port and a path. */
export const HTTP_URL = '^https?://([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*|\\[[0-9a-f:.]+\\])(:[1-9][0-9]{0,4})?(/[A-Za-z0-9._~!$&()*+,=:@%/-]*)?$';
/** Name of a claim of a token. */
export const CLAIM = '^[\\x21-\\x7e]+$';
/** A header that is made of a claim: none that frames a message, says where it goes, or who sent it. */
export const TOKEN_HEADER = '^x-[a-z0-9-]*[a-z0-9]$';
/** Name of a service or a method of gRPC. */
export const GRPC_NAME = '^[A-Za-z_][A-Za-z0-9_.]*$';
/** `<HTTPRoute name>/<rule name>`. */
export const ROUTE_RULE = '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[a-z0-9]([-a-z0-9]*[a-z0-9])?$';

/** DNS domain of most clusters. */
export const CLUSTER_DOMAIN = 'cluster.local';

/** Domain name of a Kubernetes Service inside the cluster. */
export function serviceHost(name: string, namespace: string, clusterDomain = CLUSTER_DOMAIN): string {
  return `${name}.${namespace}.svc.${clusterDomain}`;
}

/** Name of the MutatingWebhookConfiguration of the control plane in a namespace; it is of the whole cluster. */
export function injectorName(namespace: string): string {
  return `meshwright-injector-${namespace}`;
}

/** SPIFFE ID of a workload: `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`, the form that Istio and cert-manager use too. */
export function spiffeId(trustDomain: string, namespace: string, serviceAccount: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}
