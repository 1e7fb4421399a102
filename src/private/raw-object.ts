import {
  ApiObject, ApiObjectMetadataDefinition, ApiObjectMetadataDefinitionOptions, App, JsonPatch, OwnerReference,
} from 'cdk8s';
import { Construct } from 'constructs';
import { NotPlain, plain } from './plain';
import { Registry } from './registry';

/** Head of a manifest. */
export interface ObjectHead {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Undefined for what is not in a namespace. */
  readonly namespace?: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Members of a manifest beside `apiVersion`, `kind` and `metadata`. */
export type ObjectBody = Record<string, unknown>;

/** Resolvers that every App has: for `Lazy`, for implicit tokens, for unions of number and string. A body of ours holds none of the three. */
const BUILT_IN_RESOLVERS = 3;

/**
 * A manifest in plain data, made when the App is synthesized. What cdk8s does to any object (resolve every leaf by every resolver) is much of the
 * time of a synth, so it is done only where a resolver could find something. Patches and metadata work as everywhere.
 */
export class RawObject extends ApiObject {
  private readonly operations: JsonPatch[] = [];

  public constructor(scope: Construct, id: string, head: ObjectHead, private readonly body: () => ObjectBody) {
    const metadata = { name: head.name, namespace: head.namespace, labels: head.labels };
    super(scope, id, { apiVersion: head.apiVersion, kind: head.kind, metadata });
    const labels = { ...this.chart.labels, ...head.labels };
    // Not that of cdk8s, which gives every object the namespace of its chart, those of the cluster too.
    Object.assign(this, { metadata: new PlainMetadata({ ...metadata, labels, apiObject: this }) });
  }

  /** `spec` as patches leave it; undefined where there is none, or where one cannot be applied. */
  public patchedSpec(): any {
    return this.operations.length === 0 || this.patchProblem() !== undefined ? undefined : this.toJson().spec;
  }

  /** Which of the user's patches cannot be applied, if any. */
  public patchProblem(): string | undefined {
    let document = this.unpatched();
    for (const [index, operation] of this.operations.entries()) {
      try {
        document = JsonPatch.apply(document, operation);
      } catch {
        return `patch ${index + 1} of ${this.operations.length}`;
      }
    }
    return undefined;
  }

  public override addJsonPatch(...operations: JsonPatch[]): void {
    this.operations.push(...operations);
    const registry = Registry.of(this);
    registry.patched.add(this);
    registry.changed();
  }

  public override toJson(): any {
    return JsonPatch.apply(this.unpatched(), ...this.operations);
  }

  private unpatched(): ObjectBody {
    return this.rendered({ ...this.body(), metadata: this.metadata.toJson() });
  }

  private rendered(document: ObjectBody): ObjectBody {
    const head = { apiVersion: this.apiVersion, kind: this.kind, metadata: document.metadata };
    if (App.of(this).resolvers.length === BUILT_IN_RESOLVERS) {
      try {
        return Object.assign(head, plain(document, !process.env.CDK8S_DISABLE_SORT));
      } catch (problem) {
        if (!(problem instanceof NotPlain)) throw problem;
      }
    }
    return this.resolved(document);
  }

  /** By cdk8s' own means: an object beside this one that has the document in its properties. */
  private resolved(document: ObjectBody): ObjectBody {
    const twin = Object.create(this, { props: { value: { apiVersion: this.apiVersion, kind: this.kind, ...document } } }) as ApiObject;
    return ApiObject.prototype.toJson.call(twin) as ObjectBody;
  }
}

/** Metadata whose manifest is known as long as nobody adds to it. */
class PlainMetadata extends ApiObjectMetadataDefinition {
  private known: object | undefined;

  public constructor(options: ApiObjectMetadataDefinitionOptions) {
    super(options);
    const { name, namespace, labels } = options;
    this.known = { labels, name, namespace };
  }

  public override addLabel(key: string, value: string): void {
    this.known = undefined;
    super.addLabel(key, value);
  }

  public override addAnnotation(key: string, value: string): void {
    this.known = undefined;
    super.addAnnotation(key, value);
  }

  public override addFinalizers(...finalizers: string[]): void {
    this.known = undefined;
    super.addFinalizers(...finalizers);
  }

  public override addOwnerReference(owner: OwnerReference): void {
    this.known = undefined;
    super.addOwnerReference(owner);
  }

  public override add(key: string, value: any): void {
    this.known = undefined;
    super.add(key, value);
  }

  public override toJson(): any {
    return this.known ?? super.toJson();
  }
}
