import { ApiObject, Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { Authorization } from './authorization';
import { IBackend } from './backend';
import type { Finding } from './check/finding';
import { ContainerOptions } from './container-options';
import type { AllowedSpec } from './contract/authorization';
import type { MeshServiceSpec } from './contract/mesh-service';
import { API_VERSION, BASE_VERSION, spiffeId } from './contract/names';
import type { OutsideTrafficSpec } from './contract/outside-traffic';
import type { InterceptionSpec } from './contract/pod/interception';
import { DataPlane } from './data-plane';
import { Findings } from './findings';
import { Mesh } from './mesh';
import { CallOptions, MeshServiceBaseProps, MeshServiceProps, WorkloadServiceProps } from './mesh-service-props';
import { NetworkIsolation } from './network-isolation';
import { containerFindings, ownPods } from './private/app-container';
import { millisecondsOf } from './private/duration';
import { Code, error, shown } from './private/finding';
import { baseGiven, given, has, specOf } from './private/given';
import { joinFindings } from './private/join';
import { serviceLabels } from './private/labels';
import { networkPolicySpec } from './private/network-policy';
import { JoinedPodGroup, OwnPodGroup, PodGroup, PodGroupProps } from './private/pod-group';
import { RawObject } from './private/raw-object';
import { Registry } from './private/registry';
import type { Route } from './private/route';
import { CheckedSpec, checkedServiceSpec } from './private/service-spec';
import { asked, composed, trafficOf, trafficSpec, TrafficSource } from './private/traffic';
import { localPortOf, tunnelVariables, upstreamVariables } from './private/upstream';
import { IServicePolicy } from './service-policy';
import { ServicePort } from './service-port';
import { ServiceVersion, ServiceVersionOptions } from './service-version';
import { TrafficEncryption } from './traffic-encryption';

/** A call as it was declared. */
interface Call {
  readonly upstream: IBackend;
  readonly options: CallOptions;
}

/**
 * A service: its workload with the sidecar, its policies, and whom it calls. Emits a `MeshService`, and for each version a Deployment, a Kubernetes
 * Service and a PodDisruptionBudget.
 */
export class MeshService extends Construct implements IBackend {
  /**
   * Has a workload join that exists already. It keeps its own fields, patches included, and gets the sidecar; the Service, the `MeshService`, the
   * PodDisruptionBudget and, where it has none, the service account are made for it.
   *
   * @param scope where the service belongs
   * @param id its name, where the properties give none
   * @param props the workload, and what holds for every service
   */
  public static fromWorkload(scope: Construct, id: string, props: WorkloadServiceProps): MeshService {
    return new JoinedService(scope, id, props);
  }

  /** The mesh that it joined. */
  public readonly mesh: Mesh;
  /** The port that it serves. */
  public readonly port: ServicePort;
  public readonly backendName: string;
  public readonly backendNamespace: string;
  public readonly backendPort: number;
  public readonly backendProtocol: string;
  public readonly backendKind?: string;
  /** Identity of the pods: `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`. */
  public readonly spiffeId: string;
  /** The emitted `MeshService` resource, for what the SDK cannot say. */
  public readonly resource: ApiObject;
  /** The Deployment or StatefulSet of the base version, for what the SDK cannot say. */
  public readonly workload: ApiObject;

  /** @internal */
  public readonly _pods: PodGroup;
  /** @internal */
  public readonly _versions: ServiceVersion[] = [];
  /** @internal */
  public readonly _routes: Route[] = [];
  /** @internal */
  public readonly _calls: Call[] = [];
  /** @internal */
  public readonly _props: MeshServiceBaseProps;
  private readonly registry: Registry;
  private readonly sources: TrafficSource[] = [];
  private readonly findings: Finding[] = [];
  private readonly account: string;
  private readonly object: RawObject;
  private checked: (CheckedSpec & { readonly revision: number }) | undefined;

  /**
   * A service whose Deployment is made here, in the namespace of the chart.
   *
   * @param scope the chart, or a construct in it
   * @param id its name, where the properties give none
   * @param props container, port, policies
   */
  constructor(scope: Construct, id: string, props: MeshServiceProps) {
    super(scope, id);
    baseGiven(this.node.path, props);
    const { mesh, port } = props;
    const { namespace } = Chart.of(this);
    this._props = props;
    this.mesh = mesh;
    this.port = port;
    this.backendName = props.name ?? id;
    this.backendNamespace = namespace ?? 'default';
    this.backendPort = port.number;
    this.backendProtocol = port.protocol;
    this.backendKind = 'Service';
    this.account = this._account(props) ?? this.backendName;
    this.spiffeId = spiffeId(mesh.trustDomain, this.backendNamespace, this.account);
    this.registry = Registry.of(this);
    if (namespace === undefined) {
      const fix = `write new Chart(app, '${Chart.of(this).node.id}', { namespace: 'shop' })`;
      this.findings.push(error(Code.NAMESPACE, this.node.path, 'namespace: nothing', 'the chart of a service needs one, names depend on it', fix));
    }
    mesh._needsNamespace(this.backendNamespace);

    const labels = serviceLabels(mesh.meshName, this.backendName);
    const head = { apiVersion: API_VERSION, kind: 'MeshService', name: this.backendName, namespace: this.backendNamespace, labels };
    this.object = new RawObject(this, 'Resource', head, () => ({ spec: this.spec() }));
    this.resource = this.object;
    if (this._account(props) === undefined) {
      new RawObject(this, 'ServiceAccount', { ...head, apiVersion: 'v1', kind: 'ServiceAccount' }, () => ({
        automountServiceAccountToken: false,
      }));
    }
    const isolation = props.networkIsolation ?? mesh._networkIsolation;
    if (isolation !== NetworkIsolation.NONE) {
      new RawObject(this, 'NetworkPolicy', { ...head, apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' }, () => ({
        spec: networkPolicySpec(this, isolation, this.registry),
      }));
    }
    this._pods = this._place(props, this.group(BASE_VERSION, this.backendName));
    this.workload = this._pods.workload;
    this.findings.push(...this._placeFindings(props));

    this.sources.push({ name: 'its own properties', policy: trafficOf(props) });
    for (const policy of [...mesh.policies, ...props.policies ?? []]) this.applyPolicy(policy);
    this.registry.services.push(this);
    this.registry.validates(this);
  }

  /**
   * Declares that this service calls another one: an edge of the graph. The one line gives discovery and egress scope; what is not declared is
   * refused by the caller's own proxy.
   *
   * @param upstream a service, one version of it by its own name, or something outside of the mesh
   * @param options bounds of this caller's calls, and facts about them
   */
  public calls(upstream: IBackend, options: CallOptions = {}): void {
    const isBackend = has(upstream, 'backendName', 'backendNamespace');
    given(this.node.path, `calls[${this._calls.length}]`, upstream, isBackend, 'must be a service, or a version of one', 'write calls(payment) with the MeshService');
    this._calls.push({ upstream, options });
    this.registry.changed();
  }

  /**
   * Adds a version beside the base version; it gets no traffic until a route says so.
   *
   * @param name a DNS label, such as `v2`; the Kubernetes Service is called `<service>-<name>`
   * @param options its container; what is left out is as in the service
   */
  public addVersion(name: string, options: ServiceVersionOptions): ServiceVersion {
    given(this.node.path, `addVersion(${shown(name)})`, options, has(options), 'needs options with an image', 'write addVersion(\'v2\', { image: \'shop/payment:2.0.0\' })');
    const defaults: Partial<MeshServiceProps> = this._props;
    const { replicas = defaults.replicas ?? 1 } = options;
    const container: ContainerOptions = {
      image: options.image,
      resources: options.resources ?? defaults.resources,
      env: options.env ?? defaults.env,
      command: options.command ?? defaults.command,
      args: options.args ?? defaults.args,
      readinessPath: options.readinessPath ?? defaults.readinessPath,
      security: options.security ?? defaults.security,
    };
    const group = this.group(name, `${this.backendName}-${name}`);
    const pods = ownPods(this.backendName, this.port.number, replicas, container);
    const version = ServiceVersion._of(this, name, (scope) => new OwnPodGroup(scope, group, pods));
    if (name === BASE_VERSION) {
      const value = `versions[${this._versions.length}].name: ${shown(name)}`;
      this.findings.push(error(Code.VALUE, this.node.path, value, 'is the version that every service begins with', 'write addVersion(\'v2\', …)'));
    }
    this.findings.push(...containerFindings(version.node.path, this.port.protocol, replicas, container));
    this._versions.push(version);
    this.registry.changed();
    return version;
  }

  /**
   * Applies a policy beside those of the mesh and of the properties. A field that two of them set is an error that names both.
   *
   * @param policy the policy
   */
  public applyPolicy(policy: IServicePolicy): void {
    const { source, findings } = asked(policy, this);
    this.sources.push(source);
    this.findings.push(...findings);
    this.registry.changed();
  }

  /**
   * States that a warning on this service is right as it is. An error cannot be acknowledged.
   *
   * @param code the code that the warning begins with, such as `MW107`
   * @param reason why this is right here; for the next reader of the program
   */
  public acknowledge(code: string, reason: string): void {
    Findings.of(this).acknowledge(code, reason);
  }

  /** @internal */
  public get _takesPlainText(): boolean {
    return (this._props.encryption ?? this.mesh._encryption) === TrafficEncryption.PERMISSIVE;
  }

  /** What the contract says: nothing of a sidecar.
   *
   * @internal
   */
  public get _dataPlane(): MeshServiceSpec['dataPlane'] {
    const { dataPlane = DataPlane.SIDECAR } = this._props;
    return dataPlane === DataPlane.SIDECAR ? undefined : dataPlane;
  }

  /** @internal */
  public get _interception(): InterceptionSpec | undefined {
    if (this._dataPlane !== undefined) return undefined;
    const { interception } = this._props;
    return interception === undefined ? this.mesh._interception : interception._toSpec();
  }

  /** @internal */
  public get _outside(): OutsideTrafficSpec {
    return (this._props.outsideTraffic ?? this.mesh._outsideTraffic)._toSpec();
  }

  /** @internal */
  public get _isAudited(): boolean {
    return (this._props.authorization ?? this.mesh._authorization) === Authorization.AUDIT;
  }

  /** @internal */
  public _addRoute(route: Route): void {
    this._routes.push(route);
  }

  /**
   * What the checks may rely on: the emitted spec, patches included, without the members that the contract refuses.
   *
   * @internal
   */
  public _checked(): CheckedSpec {
    const { revision } = this.registry;
    if (this.checked?.revision !== revision) {
      const spec = this.object.patchedSpec() ?? this.spec();
      const routes = this._routes.flatMap((route) => route._rulePolicies().map(() => route.node.path));
      this.checked = { revision, ...checkedServiceSpec(this.node.path, this.backendName, this.backendNamespace, spec, routes) };
    }
    return this.checked;
  }

  /** @internal */
  public _problems(): Finding[] {
    return [...this.findings, ...composed(this.node.path, this.sources).findings, ...this._checked().findings, ...this.callFindings()];
  }

  /** @internal */
  protected _account(_props: MeshServiceBaseProps): string | undefined {
    return undefined;
  }

  /** @internal */
  protected _place(props: MeshServiceBaseProps, group: PodGroupProps): PodGroup {
    const { replicas = 1, ...container } = props as MeshServiceProps;
    return new OwnPodGroup(this, group, ownPods(this.backendName, this.port.number, replicas, container));
  }

  /** @internal */
  protected _placeFindings(props: MeshServiceBaseProps): Finding[] {
    const { replicas = 1, maxUnavailable = 1, terminationGracePeriod, ...container } = props as MeshServiceProps;
    return [
      ...containerFindings(this.node.path, this.port.protocol, replicas, container), ...disruptionFindings(this.node.path, maxUnavailable),
      ...graceFindings(this.node.path, terminationGracePeriod),
    ];
  }

  private group(version: string, name: string): PodGroupProps {
    const { mesh, backendName: service, backendNamespace: namespace } = this;
    return {
      meshName: mesh.meshName,
      identity: {
        service, namespace, version, controlPlane: mesh._controlPlanePlace, proxy: mesh._proxy,
        interception: this._interception, dataPlane: this._dataPlane,
      },
      name,
      account: this.account,
      port: this.port.number,
      appProtocol: this.port.detected ? undefined : this.port.protocol,
      regions: this._props.regions ?? [],
      maxUnavailable: this._props.maxUnavailable ?? 1,
      graceSeconds: graceSecondsOf(this._props as Partial<MeshServiceProps>),
      environment: () => [
        ...tunnelVariables(this._calls.map(({ upstream }) => upstream), this._interception !== undefined),
        ...this._calls.flatMap(({ upstream, options }) => upstreamVariables(namespace, upstream, localPortOf(upstream, options))),
      ],
    };
  }

  private spec(): MeshServiceSpec {
    const rules = this._routes.flatMap((route) => route._rulePolicies());
    return {
      mesh: { name: this.mesh.meshName, namespace: this.mesh.meshNamespace },
      serviceAccount: this.account,
      port: { ...this.port._toSpec(), ...this.port.detected && { detect: true } },
      dataPlane: this._dataPlane,
      encryption: this._props.encryption,
      authorization: this._props.authorization,
      outsideTraffic: specOf(this._props.outsideTraffic),
      discovery: this._props.discovery?._toSpec(),
      regions: this._props.regions === undefined || this._props.regions.length === 0 ? undefined : this._props.regions.map(({ name }) => name),
      versions: this._versions.length === 0 ? undefined : this._versions.map((version) => ({
        name: version.versionName, service: version.backendName,
      })),
      calls: this._calls.length === 0 ? undefined : this._calls.map(({ upstream, options }) => ({
        service: upstream.backendName,
        namespace: upstream.backendNamespace,
        timeout: options.timeout?._toSpec(),
        localPort: localPortOf(upstream, options),
        allow: allowedBy(options),
      })),
      rules: rules.length === 0 ? undefined : rules,
      ...trafficSpec(composed(this.node.path, this.sources).policy, this.port.protocol),
    };
  }

  private callFindings(): Finding[] {
    const { path } = this.node;
    const findings: Finding[] = [];
    for (const { upstream, options: { requestsPerSecond, concurrentRequests } } of this._calls) {
      const name = `${upstream.backendName}.${upstream.backendNamespace}`;
      if (requestsPerSecond !== undefined && !(requestsPerSecond > 0 && Number.isFinite(requestsPerSecond))) {
        const value = `calls(${name}).requestsPerSecond: ${shown(requestsPerSecond)}`;
        findings.push(error(Code.VALUE, path, value, 'must be a number above 0', 'write requestsPerSecond: 100, or leave it out'));
      }
      if (concurrentRequests !== undefined && !(Number.isInteger(concurrentRequests) && concurrentRequests > 0)) {
        const value = `calls(${name}).concurrentRequests: ${shown(concurrentRequests)}`;
        findings.push(error(Code.VALUE, path, value, 'must be a whole number, at least 1', 'write concurrentRequests: 20, or leave it out'));
      }
    }
    return findings;
  }
}

/** A service whose workload was there before. */
class JoinedService extends MeshService {
  public constructor(scope: Construct, id: string, props: WorkloadServiceProps) {
    super(scope, id, props as unknown as MeshServiceProps);
  }

  protected override _account(props: MeshServiceBaseProps): string | undefined {
    return (props as WorkloadServiceProps).workload.serviceAccount?.name;
  }

  protected override _place(props: MeshServiceBaseProps, group: PodGroupProps): PodGroup {
    return new JoinedPodGroup(this, group, (props as WorkloadServiceProps).workload);
  }

  protected override _placeFindings(props: MeshServiceBaseProps): Finding[] {
    const { workload, maxUnavailable = 1 } = props as WorkloadServiceProps;
    return [...joinFindings(this.node.path, this.backendNamespace, workload), ...disruptionFindings(this.node.path, maxUnavailable)];
  }
}

/** What stands for rules that are none, the contract says. */
function allowedBy({ allow }: CallOptions): AllowedSpec[] | undefined {
  return Array.isArray(allow) ? allow.map((rule) => specOf(rule) as AllowedSpec) : allow;
}

/** Rounded up where it is refused anyway. */
function graceSecondsOf({ terminationGracePeriod }: Partial<MeshServiceProps>): number | undefined {
  return terminationGracePeriod && Math.ceil(millisecondsOf(terminationGracePeriod) / 1000);
}

function graceFindings(path: string, period: MeshServiceProps['terminationGracePeriod']): Finding[] {
  if (period === undefined) return [];
  const milliseconds = millisecondsOf(period);
  if (milliseconds >= 1000 && milliseconds % 1000 === 0) return [];
  const value = `terminationGracePeriod: ${milliseconds}ms`;
  return [error(Code.VALUE, path, value, 'must be whole seconds, at least 1', 'write terminationGracePeriod: Duration.seconds(30), or leave it out')];
}

function disruptionFindings(path: string, maxUnavailable: number): Finding[] {
  if (Number.isInteger(maxUnavailable) && maxUnavailable >= 1) return [];
  const value = `maxUnavailable: ${shown(maxUnavailable)}`;
  return [error(Code.VALUE, path, value, 'must be a whole number, at least 1, or nodes cannot be drained', 'write maxUnavailable: 1')];
}
