import { ApiObject, Chart, Duration } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { AccessLog } from './access-log';
import { Authorization } from './authorization';
import type { Finding } from './check/finding';
import type { MeshSpec } from './contract/mesh';
import { API_VERSION } from './contract/names';
import type { ControlPlanePlace } from './contract/pod/bootstrap';
import type { InterceptionSpec } from './contract/pod/interception';
import type { ProxySettings } from './contract/pod/types';
import type { ConsulAgent } from './discovery';
import { Findings } from './findings';
import { Injection } from './injection';
import { Interception } from './interception';
import { NetworkIsolation } from './network-isolation';
import { OutsideTraffic } from './outside-traffic';
import { ControlPlaneOptions, LogLevel, ProxyOptions } from './plane-options';
import { ControlPlane } from './private/control-plane';
import { gep2257 } from './private/duration';
import { Code, error, shown } from './private/finding';
import { specOf } from './private/given';
import { imageOf } from './private/images';
import { meshLabels } from './private/labels';
import { checkedMeshSpec } from './private/mesh-spec';
import { RawObject } from './private/raw-object';
import { Registry } from './private/registry';
import { requirementsOr } from './private/resources';
import { Region } from './region';
import { IServicePolicy } from './service-policy';
import { TrafficEncryption } from './traffic-encryption';

/** As many threads as the proxy takes. */
const MOST_THREADS = 64;

/** Properties of `Mesh`. */
export interface MeshProps {
  /**
   * SPIFFE trust domain: workloads are `spiffe://<trustDomain>/ns/<namespace>/sa/<service account>`.
   *
   * @see https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md
   */
  readonly trustDomain: string;
  /**
   * DNS domain of the cluster: services are called `<name>.<namespace>.svc.<domain>` in it, by their callers and by the sidecars that look for the
   * control plane.
   *
   * @default 'cluster.local'
   */
  readonly clusterDomain?: string;
  /**
   * Encryption between services: what their pods take. Certificates are X.509-SVIDs that the control plane signs.
   *
   * @default TrafficEncryption.STRICT
   */
  readonly encryption?: TrafficEncryption;
  /**
   * What becomes of calls that nobody declares.
   *
   * @default Authorization.ENFORCE
   */
  readonly authorization?: Authorization;
  /**
   * What pods of its services may reach that is no service of the mesh. A service may have its own.
   *
   * @default OutsideTraffic.registered()
   */
  readonly outsideTraffic?: OutsideTraffic;
  /**
   * The NetworkPolicies that are emitted for its services.
   *
   * @default NetworkIsolation.INGRESS_AND_EGRESS
   */
  readonly networkIsolation?: NetworkIsolation;
  /**
   * How long the certificate of a workload is valid: at most a day. It is renewed at about half of that.
   *
   * @default Duration.hours(24)
   */
  readonly certificateLifetime?: Duration;
  /**
   * Secret of type kubernetes.io/tls in the namespace of the mesh, with the intermediate that signs certificates: `tls.crt`, `tls.key`, and the roots
   * in `ca.crt`, as cert-manager writes it. Proxies are ready once it is there.
   *
   * @default - the control plane makes a root of its own at the first start, in the Secret `meshwright-authority`
   */
  readonly authoritySecret?: string;
  /**
   * Name of the `Mesh` resource.
   *
   * @default - the construct's id
   */
  readonly name?: string;
  /**
   * Regions that services may be placed in.
   *
   * @default - none: no service has a region
   */
  readonly regions?: Region[];
  /**
   * What is logged of requests.
   *
   * @default - only requests and connections that are denied
   */
  readonly accessLog?: AccessLog;
  /**
   * Policies of every service.
   *
   * @default - none
   */
  readonly policies?: IServicePolicy[];
  /**
   * The sidecar of every pod.
   *
   * @default - the defaults of each option, written out in the manifests
   */
  readonly proxy?: ProxyOptions;
  /**
   * The control plane.
   *
   * @default - the defaults of each option, written out in the manifests
   */
  readonly controlPlane?: ControlPlaneOptions;
  /**
   * Whether the `Namespace` of the mesh, and those of its services, are emitted with it: those that the program does not have already, and that
   * Kubernetes does not bring (`default`, `kube-…`). Write `false` where somebody else makes them; they have to be there before the rest then.
   *
   * @default true
   */
  readonly createNamespaces?: boolean;
  /**
   * How connections of the services' applications come to their proxies. A service may have its own.
   *
   * @default - applications send to their proxies what is meant for others, by `HTTP_PROXY` and ports of the loopback
   */
  readonly interception?: Interception;
  /**
   * The sidecar for pods that no construct writes.
   *
   * @default - no pod gets one
   */
  readonly injection?: Injection;
  /**
   * Warnings that nobody acknowledged stop the synth as errors do.
   *
   * @default false
   */
  readonly warningsAsErrors?: boolean;
}

/**
 * One trust domain, and the graph of all its services. Emits the namespaces, the custom resource definitions, the `Mesh`, and the control plane with its
 * account and rights.
 */
export class Mesh extends Construct {
  /** Name of the `Mesh` resource. */
  public readonly meshName: string;
  /** Namespace of the `Mesh` resource and of the control plane. */
  public readonly meshNamespace: string;
  /** SPIFFE trust domain. */
  public readonly trustDomain: string;
  /** Regions that services may be placed in. */
  public readonly regions: Region[];
  /** Policies of every service. */
  public readonly policies: IServicePolicy[];
  /** Whether warnings that nobody acknowledged stop the synth. */
  public readonly warningsAsErrors: boolean;
  /** The emitted `Mesh` resource, for what the SDK cannot say. */
  public readonly resource: ApiObject;
  /** The emitted Deployment of the control plane, for what the SDK cannot say. */
  public readonly controlPlane: ApiObject;

  /** @internal */
  public readonly _clusterDomain: string | undefined;
  /** @internal */
  public readonly _controlPlanePlace: ControlPlanePlace;
  /** @internal */
  public readonly _proxy: ProxySettings;
  /** @internal */
  public readonly _interception: InterceptionSpec | undefined;
  private readonly injection: Injection | undefined;
  /** @internal */
  public readonly _encryption: TrafficEncryption;
  /** @internal */
  public readonly _authorization: Authorization;
  /** @internal */
  public readonly _consul: ConsulAgent | undefined;
  /** @internal */
  public readonly _outsideTraffic: OutsideTraffic;
  /** @internal */
  public readonly _networkIsolation: NetworkIsolation;
  private readonly certificateLifetime: Duration;
  private readonly accessLog: AccessLog | undefined;
  private readonly object: RawObject;
  private readonly namespaces: Construct | undefined;
  private readonly findings: Finding[] = [];

  /**
   * A mesh with its control plane, in the namespace of the chart.
   *
   * @param scope the chart, or a construct in it
   * @param id name of the `Mesh`, where the properties give none
   * @param props settings of all its proxies
   */
  constructor(scope: Construct, id: string, props: MeshProps) {
    super(scope, id);
    const { namespace } = Chart.of(this);
    this.meshName = props.name ?? id;
    this.meshNamespace = namespace ?? 'default';
    this.trustDomain = props.trustDomain;
    this._clusterDomain = props.clusterDomain;
    this._controlPlanePlace = { namespace: this.meshNamespace, trustDomain: this.trustDomain, clusterDomain: props.clusterDomain };
    this.regions = [...props.regions ?? []];
    this.policies = [...props.policies ?? []];
    this.warningsAsErrors = props.warningsAsErrors ?? false;
    this._encryption = props.encryption ?? TrafficEncryption.STRICT;
    this._authorization = props.authorization ?? Authorization.ENFORCE;
    this._outsideTraffic = props.outsideTraffic ?? OutsideTraffic.registered();
    this._networkIsolation = props.networkIsolation ?? NetworkIsolation.INGRESS_AND_EGRESS;
    this.certificateLifetime = props.certificateLifetime ?? Duration.hours(24);
    this.accessLog = props.accessLog;
    this._interception = props.interception?._toSpec();
    this.injection = props.injection;
    this._proxy = {
      image: props.proxy?.image ?? imageOf('proxy'),
      resources: requirementsOr(props.proxy?.resources, { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '1000m', memory: '256Mi' } }),
      logLevel: props.proxy?.logLevel ?? LogLevel.INFO,
      concurrency: props.proxy?.concurrency ?? 1,
    };
    const { concurrency } = this._proxy;
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MOST_THREADS) {
      const value = `proxy.concurrency: ${shown(concurrency)}`;
      this.findings.push(error(Code.VALUE, this.node.path, value, `must be a whole number from 1 to ${MOST_THREADS}`, 'write concurrency: 1'));
    }
    if (namespace === undefined) {
      const fix = `write new Chart(app, '${Chart.of(this).node.id}', { namespace: 'mesh' })`;
      this.findings.push(error(Code.NAMESPACE, this.node.path, 'namespace: nothing', 'the chart of a mesh needs one, its control plane runs there', fix));
    }
    const replicas = props.controlPlane?.replicas ?? 2;
    if (!Number.isInteger(replicas) || replicas < 1) {
      const value = `controlPlane.replicas: ${shown(replicas)}`;
      this.findings.push(error(Code.VALUE, this.node.path, value, 'must be a whole number, at least 1', 'write replicas: 2'));
    }
    this._consul = props.controlPlane?.consul;
    if (this._consul !== undefined && !/^https?:\/\/[^/?#]+\/?$/.test(this._consul.address)) {
      const value = `controlPlane.consul.address: ${shown(this._consul.address)}`;
      this.findings.push(error(Code.VALUE, this.node.path, value, 'must be the address of one Consul agent', "write consul: { address: 'http://consul.example:8500' }"));
    }

    const registry = Registry.of(this);
    // Before all that is in it.
    this.namespaces = props.createNamespaces ?? true ? new Construct(this, 'Namespaces') : undefined;
    this._needsNamespace(this.meshNamespace);
    // First, as its custom resource definitions have to be there before the resource.
    this.controlPlane = new ControlPlane(this, 'ControlPlane', {
      meshName: this.meshName,
      namespace: this.meshNamespace,
      trustDomain: this.trustDomain,
      clusterDomain: this._clusterDomain,
      authority: props.authoritySecret,
      isolated: this._networkIsolation !== NetworkIsolation.NONE,
      image: props.controlPlane?.image ?? imageOf('control-plane'),
      replicas,
      resources: requirementsOr(props.controlPlane?.resources, {
        requests: { cpu: '100m', memory: '256Mi' }, limits: { cpu: '1000m', memory: '512Mi' },
      }),
      logLevel: props.controlPlane?.logLevel ?? LogLevel.INFO,
      // They belong to the cluster: one of several meshes brings them.
      definitions: registry.meshes.length === 0,
      injection: props.injection?._failurePolicy,
      consul: this._consul,
    }).deployment;
    const head = { apiVersion: API_VERSION, kind: 'Mesh', name: this.meshName, namespace: this.meshNamespace, labels: meshLabels(this.meshName) };
    this.object = new RawObject(this, 'Resource', head, () => ({ spec: this.spec() }));
    this.resource = this.object;
    registry.meshes.push(this);
    registry.validates(this);
  }

  /**
   * States that a warning on the mesh itself is right as it is. An error cannot be acknowledged.
   *
   * @param code the code that the warning begins with, such as `MW107`
   * @param reason why this is right here; for the next reader of the program
   */
  public acknowledge(code: string, reason: string): void {
    Findings.of(this).acknowledge(code, reason);
  }

  /**
   * Emits the namespace, once, if it is the mesh's to bring.
   *
   * @internal
   */
  public _needsNamespace(name: string): void {
    const { namespaces } = Registry.of(this);
    if (this.namespaces === undefined || namespaces.has(name) || name === 'default' || name.startsWith('kube-') || hasNamespace(this.node.root, name)) return;
    namespaces.add(name);
    new RawObject(this.namespaces, name, { apiVersion: 'v1', kind: 'Namespace', name, labels: meshLabels(this.meshName) }, () => ({}));
  }

  /** @internal */
  public _checkedSpec(): MeshSpec {
    return this.checked().spec;
  }

  /** @internal */
  public _problems(): Finding[] {
    return [...this.findings, ...this.checked().findings];
  }

  private checked() {
    const spec = this.object.patchedSpec() ?? this.spec();
    return checkedMeshSpec(this.node.path, this.meshName, this.meshNamespace, spec);
  }

  private spec(): MeshSpec {
    return {
      trustDomain: this.trustDomain,
      clusterDomain: this._clusterDomain,
      encryption: this._encryption,
      authorization: this._authorization,
      outsideTraffic: specOf(this._outsideTraffic),
      certificateLifetime: gep2257(this.certificateLifetime),
      regions: this.regions.map(({ name, zones, geohashes }) => ({ name, zones: [...zones], geohashes: [...geohashes] })),
      injection: this.injection && { proxy: this._proxy, interception: this.injection._interception() } as MeshSpec['injection'],
      accessLog: this.accessLog?._toSpec(),
    };
  }
}

/** Whether the program has a `Namespace` of that name already. */
function hasNamespace(root: IConstruct, name: string): boolean {
  return root.node.findAll().some((construct) => construct instanceof ApiObject && construct.kind === 'Namespace' && construct.name === name);
}
