import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { customResourceDefinitions } from '../contract/crd';
import { AUTHORITY_SECRET, CONTROL_PLANE, TRUST_CONFIG_MAP } from '../contract/identity';
import { GROUP, injectorName } from '../contract/names';
import { HARDENED } from '../contract/pod/hardened';
import type { ResourceRequirements } from '../contract/pod/types';
import { CERTIFICATE_PORT, CONTROL_PLANE_ADMIN_PORT, INJECTOR_PORT, PROXY_UID, XDS_PORT } from '../contract/ports';
import type { ConsulAgent } from '../discovery';
import { injectorWebhooks } from './injector-webhooks';
import { meshLabels } from './labels';
import { controlPlanePolicySpec } from './network-policy';
import { ObjectBody, RawObject } from './raw-object';

/** The control plane of one mesh. */
export interface ControlPlaneProps {
  /** It has a NetworkPolicy. */
  readonly isolated: boolean;
  readonly meshName: string;
  readonly namespace: string;
  readonly trustDomain: string;
  /** DNS domain of the cluster; undefined: cluster.local. */
  readonly clusterDomain: string | undefined;
  /** Secret of an authority that somebody else keeps; undefined: the mesh makes its own. */
  readonly authority: string | undefined;
  readonly image: string;
  readonly replicas: number;
  readonly resources: ResourceRequirements;
  readonly logLevel: string;
  /** Whether the custom resource definitions are emitted with it. */
  readonly definitions: boolean;
  /** What becomes of pods that ask for a sidecar while nobody answers; undefined: pods get none. */
  readonly injection: 'Fail' | 'Ignore' | undefined;
  readonly consul: ConsulAgent | undefined;
}

const RBAC = 'rbac.authorization.k8s.io/v1';

/** What the control plane watches, everywhere; and the status that it writes, whose tokens are whose, and the trust bundle, by its one name. Nothing else of the cluster can be read or changed by it. */
const CLUSTER_RULES = [
  { apiGroups: [''], resources: ['namespaces', 'pods', 'services'], verbs: ['list', 'watch'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
  { apiGroups: ['gateway.networking.k8s.io'], resources: ['grpcroutes', 'httproutes', 'referencegrants'], verbs: ['list', 'watch'] },
  { apiGroups: ['gateway.networking.k8s.io'], resources: ['grpcroutes/status', 'httproutes/status'], verbs: ['patch'] },
  { apiGroups: [GROUP], resources: ['meshes', 'meshservices', 'externalservices'], verbs: ['list', 'watch'] },
  { apiGroups: [GROUP], resources: ['meshes/status', 'meshservices/status', 'externalservices/status'], verbs: ['patch'] },
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  // By server-side apply; what does not exist yet is a create, which no name can bound.
  { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
  { apiGroups: [''], resources: ['configmaps'], resourceNames: [TRUST_CONFIG_MAP], verbs: ['patch'] },
];

/**
 * The Lease by which one replica writes status, and one of each replica, named as its pod, in which it tells the others what its proxies run. Names of
 * pods are not known here, so the right is to all Leases of this namespace.
 */
const LEASE_RULES = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create', 'get', 'list', 'update', 'watch'] },
];

/** The one Secret with the key of the authority; one that does not exist yet is a create, which no name can bound. What the mesh made itself it can replace (`rotate-root`). */
function authorityRules(secret: string | undefined) {
  return [
    { apiGroups: [''], resources: ['secrets'], resourceNames: [secret ?? AUTHORITY_SECRET], verbs: ['list', 'watch'] },
    ...secret === undefined ? [
      { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
      { apiGroups: [''], resources: ['secrets'], resourceNames: [AUTHORITY_SECRET], verbs: ['get', 'update'] },
    ] : [],
  ];
}

/** The one configuration of webhooks in which the control plane keeps its roots. */
function injectorRules(namespace: string) {
  return [{
    apiGroups: ['admissionregistration.k8s.io'], resources: ['mutatingwebhookconfigurations'], resourceNames: [injectorName(namespace)],
    verbs: ['list', 'patch', 'watch'],
  }];
}

/** Custom resource definitions, account, rights, Deployment, Service and PodDisruptionBudget of a control plane. */
export class ControlPlane extends Construct {
  public readonly deployment: ApiObject;

  public constructor(scope: Construct, id: string, private readonly props: ControlPlaneProps) {
    super(scope, id);
    const { namespace } = props;
    if (props.definitions) {
      for (const { apiVersion, kind, metadata: { name }, spec } of customResourceDefinitions()) {
        this.clusterObject(name, apiVersion, kind, name, { spec });
      }
    }
    // A name in the whole cluster, hence with the namespace in it.
    const clusterName = `${CONTROL_PLANE}-${namespace}`;
    const subjects = [{ kind: 'ServiceAccount', name: CONTROL_PLANE, namespace }];
    this.object('ServiceAccount', 'v1', 'ServiceAccount', { automountServiceAccountToken: false });
    this.clusterObject('ClusterRole', RBAC, 'ClusterRole', clusterName, { rules: [...CLUSTER_RULES, ...props.injection === undefined ? [] : injectorRules(namespace)] });
    this.clusterObject('ClusterRoleBinding', RBAC, 'ClusterRoleBinding', clusterName, { roleRef: roleRef('ClusterRole', clusterName), subjects });
    this.object('Role', RBAC, 'Role', { rules: [...LEASE_RULES, ...authorityRules(props.authority)] });
    this.object('RoleBinding', RBAC, 'RoleBinding', { roleRef: roleRef('Role', CONTROL_PLANE), subjects });
    this.deployment = this.object('Deployment', 'apps/v1', 'Deployment', { spec: this.deploymentSpec() });
    this.object('Service', 'v1', 'Service', {
      spec: {
        type: 'ClusterIP',
        selector: this.selector(),
        ports: [
          { name: 'xds', port: XDS_PORT, protocol: 'TCP', targetPort: 'xds' },
          { name: 'certificates', port: CERTIFICATE_PORT, protocol: 'TCP', targetPort: 'certificates' },
          ...props.injection === undefined ? [] : [{ name: 'injector', port: 443, protocol: 'TCP', targetPort: 'injector' }],
        ],
      },
    });
    if (props.injection !== undefined) {
      const name = injectorName(namespace);
      const webhooks = injectorWebhooks(namespace, props.injection);
      this.clusterObject('Injector', 'admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration', name, { webhooks });
    }
    if (props.isolated) {
      const spec = controlPlanePolicySpec(props.meshName, this.selector());
      this.object('NetworkPolicy', 'networking.k8s.io/v1', 'NetworkPolicy', { spec });
    }
    this.object('DisruptionBudget', 'policy/v1', 'PodDisruptionBudget', { spec: { maxUnavailable: 1, selector: { matchLabels: this.selector() } } });
  }

  private object(id: string, apiVersion: string, kind: string, body: ObjectBody): RawObject {
    const head = { apiVersion, kind, name: CONTROL_PLANE, namespace: this.props.namespace, labels: this.labels() };
    return new RawObject(this, id, head, () => body);
  }

  private clusterObject(id: string, apiVersion: string, kind: string, name: string, body: ObjectBody): RawObject {
    return new RawObject(this, id, { apiVersion, kind, name, labels: this.labels() }, () => body);
  }

  private labels(): Record<string, string> {
    return { ...meshLabels(this.props.meshName), ...this.selector() };
  }

  private selector(): Record<string, string> {
    return { 'app.kubernetes.io/name': CONTROL_PLANE };
  }

  private deploymentSpec() {
    const { replicas } = this.props;
    return {
      replicas,
      selector: { matchLabels: this.selector() },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: { metadata: { labels: this.labels() }, spec: this.podSpec() },
    };
  }

  private podSpec() {
    const { authority, clusterDomain, consul, image, injection, resources, logLevel, trustDomain } = this.props;
    return {
      serviceAccountName: CONTROL_PLANE,
      automountServiceAccountToken: true,
      terminationGracePeriodSeconds: 30,
      affinity: {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 100, podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: this.selector() } } },
          ],
        },
      },
      containers: [{
        name: CONTROL_PLANE,
        image,
        args: [
          '--source', 'kubernetes',
          ...consul === undefined ? [] : ['--source', `consul:${consul.address}`],
          '--authority', authority === undefined ? `make:${AUTHORITY_SECRET}` : `secret:${authority}`,
          '--trust-domain', trustDomain,
          ...clusterDomain === undefined ? [] : ['--cluster-domain', clusterDomain],
          '--xds-address', `0.0.0.0:${XDS_PORT}`,
          '--certificate-address', `0.0.0.0:${CERTIFICATE_PORT}`,
          '--admin-address', `0.0.0.0:${CONTROL_PLANE_ADMIN_PORT}`,
          ...injection === undefined ? [] : ['--injector-address', `0.0.0.0:${INJECTOR_PORT}`],
          '--log-level', logLevel,
        ],
        env: [
          fromField('POD_NAME', 'metadata.name'),
          fromField('POD_NAMESPACE', 'metadata.namespace'),
          fromField('POD_UID', 'metadata.uid'),
          ...consul?.tokenSecret === undefined ? [] : [{ name: 'CONSUL_HTTP_TOKEN', valueFrom: { secretKeyRef: { name: consul.tokenSecret, key: 'token' } } }],
        ],
        ports: [
          { name: 'xds', containerPort: XDS_PORT, protocol: 'TCP' },
          { name: 'certificates', containerPort: CERTIFICATE_PORT, protocol: 'TCP' },
          ...injection === undefined ? [] : [{ name: 'injector', containerPort: INJECTOR_PORT, protocol: 'TCP' }],
          { name: 'admin', containerPort: CONTROL_PLANE_ADMIN_PORT, protocol: 'TCP' },
        ],
        startupProbe: { httpGet: { path: '/ready', port: 'admin' }, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 120 },
        readinessProbe: { httpGet: { path: '/ready', port: 'admin' }, periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 2 },
        livenessProbe: { httpGet: { path: '/healthz', port: 'admin' }, periodSeconds: 10, timeoutSeconds: 2, failureThreshold: 3 },
        resources,
        securityContext: { ...HARDENED, runAsUser: PROXY_UID, runAsGroup: PROXY_UID },
      }],
    };
  }
}

function roleRef(kind: string, name: string) {
  return { apiGroup: 'rbac.authorization.k8s.io', kind, name };
}

function fromField(name: string, fieldPath: string) {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}
