import type { InterceptionSpec } from './contract/pod/interception';
import { Interception, InterceptionOptions } from './interception';

/**
 * The sidecar for pods that no construct writes: the control plane puts it into those whose namespace, or which themselves, have the label
 * `mesh.meshwright.dev/inject: enabled`; a pod with `disabled` does without. It is what synth writes, with interception.
 */
export class Injection {
  /**
   * A pod that asks for the mesh is created with its sidecar or not at all: while no control plane answers, it waits. Pods that do not ask
   * are never held up.
   *
   * @param interception what stays out of the mesh
   */
  public static failClosed(interception: InterceptionOptions = {}): Injection {
    return new Injection('Fail', interception);
  }

  /**
   * While no control plane answers, pods are created without a sidecar: without encryption and without authorization, until they are made anew.
   *
   * @param interception what stays out of the mesh
   */
  public static failOpen(interception: InterceptionOptions = {}): Injection {
    return new Injection('Ignore', interception);
  }

  private constructor(
    /** @internal */
    public readonly _failurePolicy: 'Fail' | 'Ignore', private readonly interception: InterceptionOptions,
  ) {}

  /** @internal */
  public _interception(): InterceptionSpec {
    return Interception.transparent(this.interception)._toSpec()!;
  }
}
