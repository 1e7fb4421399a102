import type { MeshServiceBaseProps } from '../mesh-service-props';
import { shown } from './finding';

/**
 * What a program in a language without types may get wrong so that nothing can be made of it. It is thrown where it is written: a finding at the end
 * of the synth would come after errors that follow from it.
 *
 * @throws with the construct path, the value, the rule and the fix
 */
export function given<T>(path: string, member: string, value: T, holds: boolean, rule: string, fix: string): asserts value is NonNullable<T> {
  if (!holds) throw new Error(`${path}: ${member}: ${shown(value)}: ${rule}; ${fix}`);
}

/** An object with these members, whichever copy of this package it comes from. */
export function has(value: unknown, ...members: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && members.every((member) => (value as Record<string, unknown>)[member] !== undefined);
}

/** The spec of a value of ours; what is none is handed on, so that the contract says what is wrong with it. */
export function specOf<S>(value: { _toSpec(): S } | undefined): S | undefined {
  return typeof value?._toSpec === 'function' ? value._toSpec() : value as unknown as S | undefined;
}

/** What nothing can be made without. */
export function baseGiven(path: string, props: MeshServiceBaseProps): void {
  given(path, 'props', props, has(props), 'must be given', 'write new MeshService(this, \'payment\', { mesh, image, port })');
  const { mesh, port, regions = [] } = props;
  given(path, 'mesh', mesh, has(mesh, 'trustDomain', 'meshName'), 'must be the Mesh that the service joins', 'write mesh: new Mesh(this, \'mesh\', { … })');
  given(path, 'port', port, has(port, 'number', 'protocol'), 'must be a ServicePort', 'write port: ServicePort.http(8080)');
  const named = Array.isArray(regions) && regions.every((region) => has(region, 'name'));
  given(path, 'regions', regions, named, 'must be Regions', 'write regions: [Region.of(\'eu-west\')]');
}
