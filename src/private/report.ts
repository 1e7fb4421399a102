import { IConstruct } from 'constructs';
import { checkGraph } from '../check';
import type { Finding } from '../check/finding';
import { Acknowledgements } from './acknowledgements';
import { Code, error, sentence } from './finding';
import { buildGraph } from './graph';
import type { Registry } from './registry';

/** Type of the metadata that a construct gets for a warning. */
const WARNING = 'meshwright:warning';

/** What the reporter tells cdk8s: the errors of each construct. The rest is said once, on standard error. */
export interface Report {
  errorsOf(construct: IConstruct): string[];
}

/** Findings by what becomes of them. */
interface Verdict {
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
  readonly acknowledged: number;
}

/** Finds everything that is wrong with the program, and says it where it belongs. */
export function report(registry: Registry): Report {
  const constructs = inOrder(registry);
  const last = constructs[constructs.length - 1]!;
  const byPath = new Map(constructs.map((construct) => [construct.node.path, construct]));
  const owner = (finding: Finding) => ownerOf(finding.path, byPath) ?? last;
  const acknowledgements = new Acknowledgements(registry.acknowledgements);
  const verdict = judge(find(registry, acknowledgements), acknowledgements, registry.meshes.some((mesh) => mesh.warningsAsErrors));
  for (const warning of verdict.warnings) remember(owner(warning), sentence(warning));

  const notes = [...verdict.warnings.map((warning) => `warning ${sentence(warning)}`), ...acknowledgements.stale];
  if (notes.length > 0) process.stderr.write(`${[...notes, summaryOf(verdict)].join('\n')}\n`);

  const lines = new Map<IConstruct, string[]>(constructs.map((construct) => [construct, []]));
  for (const found of verdict.errors) lines.get(owner(found))!.push(sentence(found));
  if (verdict.errors.length > 0) lines.get(last)!.push(summaryOf(verdict));
  return { errorsOf: (construct) => lines.get(construct) ?? [] };
}

function find(registry: Registry, acknowledgements: Acknowledgements): Finding[] {
  const own = [...registry.meshes, ...registry.services, ...registry.externals, ...registry.routes].flatMap((construct) => construct._problems());
  return [...own, ...patchFindings(registry), ...checkGraph(buildGraph(registry)), ...acknowledgements.vain].sort(byPathAndCode);
}

function judge(findings: readonly Finding[], acknowledgements: Acknowledgements, strict: boolean): Verdict {
  const errors: Finding[] = [];
  const warnings: Finding[] = [];
  let acknowledged = 0;
  for (const finding of findings) {
    const cover = acknowledgements.coverOf(finding);
    if (finding.severity === 'error' && cover !== undefined) errors.push({ ...finding, fix: `${finding.fix}; an error cannot be acknowledged (${cover})` });
    else if (finding.severity === 'error') errors.push(finding);
    else if (cover !== undefined) acknowledged += 1;
    else (strict ? errors : warnings).push(finding);
  }
  return { errors, warnings, acknowledged };
}

/** Our constructs in the order in which cdk8s validates. */
function inOrder({ root, meshes, services, externals, routes }: Registry): IConstruct[] {
  const all = new Set<IConstruct>([...meshes, ...services, ...externals, ...routes]);
  return root.node.findAll().filter((construct) => all.has(construct));
}

/** The construct that a path names, or the nearest one above it. */
function ownerOf(path: string, byPath: ReadonlyMap<string, IConstruct>): IConstruct | undefined {
  for (let prefix = path; prefix !== ''; prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf('/')))) {
    const construct = byPath.get(prefix);
    if (construct !== undefined) return construct;
  }
  return undefined;
}

/** As metadata of the construct, for tools; once, though a program may be synthesized again. */
function remember({ node }: IConstruct, warning: string): void {
  if (!node.metadata.some(({ type, data }) => type === WARNING && data === warning)) node.addMetadata(WARNING, warning);
}

function patchFindings({ patched }: Registry): Finding[] {
  return [...patched].flatMap((object) => {
    const problem = object.patchProblem();
    const rule = 'must find its path in the manifest';
    return problem === undefined ? [] : [error(Code.VALUE, object.node.path, problem, rule, `correct its path, as in ${object.kind}/${object.name}`)];
  });
}

function byPathAndCode(a: Finding, b: Finding): number {
  return compare(a.path, b.path) || compare(a.code, b.code) || compare(a.value, b.value);
}

/** By code unit, so that it is the same on every machine. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function summaryOf({ errors, warnings, acknowledged }: Verdict): string {
  const counted = ({ length }: readonly unknown[], word: string) => `${length} ${word}${length === 1 ? '' : 's'}`;
  return `meshwright: ${counted(errors, 'error')}, ${counted(warnings, 'warning')}, ${acknowledged} acknowledged`;
}
