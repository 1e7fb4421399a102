import { IConstruct } from 'constructs';
import { Registry } from './private/registry';

/**
 * What synth finds wrong with a mesh. Errors stop the synth. Warnings are printed and can be acknowledged where they are right as they are; each
 * code has a page in the documentation.
 */
export class Findings {
  /**
   * The findings on a construct and everything below it.
   *
   * @param scope any construct: a service, a route, a chart
   */
  public static of(scope: IConstruct): Findings {
    return new Findings(scope);
  }

  private constructor(private readonly scope: IConstruct) {}

  /**
   * States that a warning is right as it is, here and below: it is counted, and no longer printed. An error cannot be acknowledged.
   *
   * @param code the code that the warning begins with, such as `MW107`
   * @param reason why this is right here; for the next reader of the program
   */
  public acknowledge(code: string, reason: string): void {
    const registry = Registry.of(this.scope);
    const reasons = registry.acknowledgements.get(this.scope);
    if (reasons === undefined) registry.acknowledgements.set(this.scope, new Map([[code, reason]]));
    else reasons.set(code, reason);
    registry.changed();
  }
}
