import { ApiObject, App, JsonPatch, Lazy } from 'cdk8s';
import { Construct } from 'constructs';
import { NotPlain, plain } from './plain';

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
 * A manifest in plain data, made when the App is synthesized. What cdk8s does to any object (resolve every leaf by every resolver) is most of the
 * time of a synth, so it is done only where a resolver of the user's could find something. Patches and metadata work as everywhere.
 */
export class RawObject extends ApiObject {
  private readonly operations: JsonPatch[] = [];
  private readonly body: () => ObjectBody;

  public constructor(scope: Construct, id: string, head: ObjectHead, members: readonly string[], body: () => ObjectBody) {
    super(scope, id, {
      apiVersion: head.apiVersion,
      kind: head.kind,
      metadata: { name: head.name, namespace: head.namespace, labels: { ...head.labels } },
      ...Object.fromEntries(members.map((member) => [member, Lazy.any({ produce: () => body()[member] })])),
    });
    this.body = body;
    // cdk8s gives every object the namespace of its chart, those of the cluster too.
    if (head.namespace === undefined) Object.assign(this.metadata, { namespace: undefined });
  }

  /** Whether the user's patches change what the body says. */
  public get patched(): boolean {
    return this.operations.length > 0;
  }

  public override addJsonPatch(...operations: JsonPatch[]): void {
    super.addJsonPatch(...operations);
    this.operations.push(...operations);
  }

  public override toJson(): any {
    if (App.of(this).resolvers.length !== BUILT_IN_RESOLVERS) return super.toJson();
    try {
      const document = plain({ ...this.body(), metadata: this.metadata.toJson() }, !process.env.CDK8S_DISABLE_SORT);
      const ordered: Record<string, unknown> = { apiVersion: this.apiVersion, kind: this.kind, metadata: document.metadata };
      return JsonPatch.apply(Object.assign(ordered, document), ...this.operations);
    } catch (problem) {
      if (problem instanceof NotPlain) return super.toJson();
      throw problem;
    }
  }
}
