import { ApiObject, Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { IBackend } from './backend';
import type { Finding } from './check/finding';
import type { ExternalServiceSpec } from './contract/external-service';
import { API_VERSION } from './contract/names';
import { Findings } from './findings';
import { Mesh } from './mesh';
import { OutboundPolicy } from './outbound-policy';
import { checkedExternalSpec } from './private/external-spec';
import { Code, error } from './private/finding';
import { given, has } from './private/given';
import { meshLabels } from './private/labels';
import { RawObject } from './private/raw-object';
import { Registry } from './private/registry';
import { outboundSpec } from './private/traffic';
import { ServicePort } from './service-port';

/** Where an external service is reached. */
export interface ExternalEndpoint {
  /** Address of IPv4 or IPv6. */
  readonly address: string;
  /**
   * Its port.
   *
   * @default - that of the service
   */
  readonly port?: number;
}

/** Properties of `ExternalService`. */
export interface ExternalServiceProps extends OutboundPolicy {
  /** The mesh whose services may call it. */
  readonly mesh: Mesh;
  /** Name by which it is called, which its certificate has, and which the DNS knows: `api.example.com`. */
  readonly hostname: string;
  /** Port at which it is reached, and what is spoken on it within TLS. */
  readonly port: ServicePort;
  /**
   * The proxies of its callers speak TLS to it, and take nobody for it whose certificate does not have its name and come from an authority that is
   * trusted. Its callers' applications speak in plain text to their own proxies. With `false` what is sent there is in plain text all the way,
   * unless an application speaks TLS itself.
   *
   * @default true
   */
  readonly tls?: boolean;
  /**
   * Authorities that its certificate has to come from, in PEM.
   *
   * @default - the public ones, as the proxy's image has them
   */
  readonly caCertificates?: string;
  /**
   * Where it is reached.
   *
   * @default - where the DNS says, again and again
   */
  readonly endpoints?: ExternalEndpoint[];
  /**
   * Name of the `ExternalService` resource, and what errors, metrics and reports call it: a DNS label.
   *
   * @default - the construct's id
   */
  readonly name?: string;
}

/**
 * Something outside of the mesh that its services call: a backend as any other, with the policies that the proxies of its callers can see to. What
 * calls it names it by `calls`, or has a route that sends there. Emits an `ExternalService`.
 */
export class ExternalService extends Construct implements IBackend {
  /** The mesh whose services may call it. */
  public readonly mesh: Mesh;
  /** Name by which it is called. */
  public readonly hostname: string;
  public readonly backendName: string;
  public readonly backendNamespace: string;
  public readonly backendPort: number;
  public readonly backendProtocol: string;
  public readonly backendKind?: string;
  /** The emitted `ExternalService` resource, for what the SDK cannot say. */
  public readonly resource: ApiObject;
  private readonly object: RawObject;
  private readonly findings: Finding[] = [];

  /**
   * Something outside of the mesh, in the namespace of the chart.
   *
   * @param scope the chart, or a construct in it
   * @param id its name, where the properties give none
   * @param props where it is, and how it is called
   */
  constructor(scope: Construct, id: string, private readonly props: ExternalServiceProps) {
    super(scope, id);
    const { path } = this.node;
    given(path, 'props', props, has(props), 'must be given', 'write new ExternalService(this, \'cards\', { mesh, hostname, port })');
    given(path, 'mesh', props.mesh, has(props.mesh, 'trustDomain', 'meshName'), 'must be the Mesh whose services call it', 'write mesh');
    given(path, 'port', props.port, has(props.port, 'number', 'protocol'), 'must be a ServicePort', 'write port: ServicePort.http(443)');
    const { namespace } = Chart.of(this);
    this.mesh = props.mesh;
    this.hostname = props.hostname;
    this.backendName = props.name ?? id;
    this.backendNamespace = namespace ?? 'default';
    this.backendPort = props.port.number;
    this.backendProtocol = props.port.protocol;
    this.backendKind = 'ExternalService';
    if (namespace === undefined) {
      const fix = `write new Chart(app, '${Chart.of(this).node.id}', { namespace: 'shop' })`;
      this.findings.push(error(Code.NAMESPACE, path, 'namespace: nothing', 'the chart of an external service needs one, names depend on it', fix));
    }
    if (props.tls === false && props.caCertificates !== undefined) {
      this.findings.push(error(Code.VALUE, path, 'caCertificates: with tls: false', 'says whose certificates are taken, and there is none without TLS', 'take one of the two out'));
    }
    if (props.port.detected) {
      const fix = 'write ServicePort.http, http2, grpc or tcp';
      this.findings.push(error(Code.VALUE, path, `port: detect(${props.port.number})`, 'must be declared: who detects it is the proxy of the called, and nothing outside has one', fix));
    }
    props.mesh._needsNamespace(this.backendNamespace);
    const labels = meshLabels(props.mesh.meshName);
    const head = { apiVersion: API_VERSION, kind: 'ExternalService', name: this.backendName, namespace: this.backendNamespace, labels };
    this.object = new RawObject(this, 'Resource', head, () => ({ spec: this.spec() }));
    this.resource = this.object;
    const registry = Registry.of(this);
    registry.externals.push(this);
    registry.validates(this);
  }

  /**
   * States that a warning on it is right as it is. An error cannot be acknowledged.
   *
   * @param code the code that the warning begins with, such as `MW167`
   * @param reason why this is right here; for the next reader of the program
   */
  public acknowledge(code: string, reason: string): void {
    Findings.of(this).acknowledge(code, reason);
  }

  /**
   * What the checks may rely on.
   *
   * @internal
   */
  public _checked(): { readonly spec: ExternalServiceSpec; readonly findings: readonly Finding[] } {
    return checkedExternalSpec(this.node.path, this.backendName, this.backendNamespace, this.object.patchedSpec() ?? this.spec());
  }

  /** @internal */
  public _problems(): Finding[] {
    return [...this.findings, ...this._checked().findings];
  }

  private spec(): ExternalServiceSpec {
    const { mesh, hostname, port, tls = true, caCertificates, endpoints } = this.props;
    return {
      mesh: { name: mesh.meshName, namespace: mesh.meshNamespace },
      hostname,
      port: port._toSpec(),
      tls: tls ? { ...caCertificates !== undefined && { caCertificates } } : undefined,
      endpoints: endpoints?.map((endpoint) => ({ address: endpoint.address, port: endpoint.port })),
      ...outboundSpec(this.props, port.protocol),
    };
  }
}
