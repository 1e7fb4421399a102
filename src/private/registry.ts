import { Construct, IConstruct } from 'constructs';
import type { ExternalService } from '../external-service';
import type { Mesh } from '../mesh';
import type { MeshService } from '../mesh-service';
import type { RawObject } from './raw-object';
import { report, Report } from './report';
import type { Route } from './route';

/**
 * What one App knows of its meshes. It owns the findings: they are made once for each state of the program, however often cdk8s asks for them
 * (once per construct and, where each chart is a file, once per chart).
 */
export class Registry {
  /** That of the tree that the construct belongs to. */
  public static of(construct: IConstruct): Registry {
    const { root } = construct.node;
    let registry = Registry.registries.get(root);
    if (registry === undefined) Registry.registries.set(root, registry = new Registry(root));
    return registry;
  }

  private static readonly registries = new WeakMap<IConstruct, Registry>();

  public readonly meshes: Mesh[] = [];
  public readonly services: MeshService[] = [];
  public readonly externals: ExternalService[] = [];
  public readonly routes: Route[] = [];
  /** Namespaces that the meshes emit. */
  public readonly namespaces = new Set<string>();
  /** Objects that the user patched. */
  public readonly patched = new Set<RawObject>();
  /** Reasons by code, of the constructs on which warnings were acknowledged. */
  public readonly acknowledgements = new Map<IConstruct, Map<string, string>>();
  /** Counts the changes of the program; what is derived from it is remembered with this number. */
  public revision = 0;
  private latest: { readonly revision: number; readonly report: Report } | undefined;

  private constructor(public readonly root: IConstruct) {}

  /** Has `construct` report what is found on it, whenever cdk8s validates. */
  public validates(construct: Construct): void {
    construct.node.addValidation({ validate: () => this.report().errorsOf(construct) });
    this.changed();
  }

  /** To be called by whatever changes the program. */
  public changed(): void {
    this.revision += 1;
  }

  private report(): Report {
    if (this.latest?.revision !== this.revision) {
      const { revision } = this;
      this.latest = { revision, report: report(this) };
    }
    return this.latest.report;
  }
}
