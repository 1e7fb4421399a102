import { IConstruct } from 'constructs';
import { checkGraph } from '../check';
import type { Finding } from '../check/finding';
import { Code, error, sentence } from './finding';
import { buildGraph } from './graph';
import type { Registry } from './registry';

/** What the reporter tells cdk8s: the errors of each construct. The rest is said once, on standard error. */
export interface Report {
  errorsOf(construct: IConstruct): string[];
}

/** Finds everything that is wrong with the program, and sorts it to the constructs. */
export function report(registry: Registry): Report {
  const constructs = ours(registry);
  const byPath = new Map(constructs.map((construct) => [construct.node.path, construct]));
  const own = [...registry.meshes, ...registry.services, ...registry.routes].flatMap((construct) => construct._problems());
  const found = [...own, ...patchFindings(registry), ...checkGraph(buildGraph(registry)), ...vainAcknowledgements(registry)];
  const strict = registry.meshes.some((mesh) => mesh.warningsAsErrors);

  const errors = new Map<IConstruct, Finding[]>();
  const warnings: Finding[] = [];
  let acknowledged = 0;
  const used = new Set<string>();
  for (const finding of found) {
    const owner = ownerOf(finding.path, byPath) ?? constructs[constructs.length - 1]!;
    const by = acknowledgedBy(registry, owner, finding.code);
    if (by !== undefined) used.add(`${by.node.path} ${finding.code}`);
    if (finding.severity === 'warning') {
      if (by !== undefined) {
        acknowledged += 1;
        continue;
      }
      warnings.push(finding);
      owner.node.addMetadata('meshwright:warning', sentence(finding));
      if (!strict) continue;
    }
    errors.set(owner, [...errors.get(owner) ?? [], by === undefined ? finding : insisted(finding, by)]);
  }

  const count = [...errors.values()].reduce((sum, list) => sum + list.length, 0);
  const summary = summaryOf(count, strict ? 0 : warnings.length, acknowledged);
  const stale = unusedAcknowledgements(registry, used);
  if (warnings.length + stale.length > 0 && !strict) say([...warnings.sort(byPathAndCode).map((finding) => `warning ${sentence(finding)}`), ...stale, summary]);

  const texts = new Map([...errors].map(([construct, list]) => [construct, list.sort(byPathAndCode).map(sentence)]));
  const last = constructs[constructs.length - 1];
  if (count > 0) texts.set(last, [...texts.get(last) ?? [], summary]);
  return { errorsOf: (construct) => texts.get(construct) ?? [] };
}

/** Our constructs in the order in which cdk8s validates. */
function ours({ root, meshes, services, routes }: Registry): IConstruct[] {
  const all = new Set<IConstruct>([...meshes, ...services, ...routes]);
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

/** The construct, this one or one above it, on which the code was acknowledged. */
function acknowledgedBy({ acknowledgements }: Registry, construct: IConstruct, code: string): IConstruct | undefined {
  if (acknowledgements.size === 0) return undefined;
  return [...construct.node.scopes].reverse().find((scope) => acknowledgements.get(scope)?.has(code));
}

/** The error, which says that it was acknowledged in vain. */
function insisted(finding: Finding, by: IConstruct): Finding {
  return { ...finding, fix: `${finding.fix}; an error cannot be acknowledged (${by.node.path})` };
}

function patchFindings({ patched }: Registry): Finding[] {
  return [...patched].flatMap((object) => {
    const problem = object.patchProblem();
    const rule = 'must find its path in the manifest';
    return problem === undefined ? [] : [error(Code.VALUE, object.node.path, problem, rule, `correct its path, as in ${object.kind}/${object.name}`)];
  });
}

function vainAcknowledgements({ acknowledgements }: Registry): Finding[] {
  const findings: Finding[] = [];
  for (const [construct, reasons] of acknowledgements) {
    for (const [code, reason] of reasons) {
      if (reason.trim() !== '') continue;
      const fix = `write acknowledge('${code}', 'why this is right here')`;
      findings.push(error(Code.ACKNOWLEDGEMENT, construct.node.path, `acknowledge('${code}', '')`, 'an acknowledgement needs a reason', fix));
    }
  }
  return findings;
}

function unusedAcknowledgements({ acknowledgements }: Registry, used: ReadonlySet<string>): string[] {
  const lines: string[] = [];
  for (const [construct, reasons] of acknowledgements) {
    for (const code of reasons.keys()) {
      const { path } = construct.node;
      if (!used.has(`${path} ${code}`)) lines.push(`note ${path}: acknowledge('${code}', …): nothing to acknowledge; take it out`);
    }
  }
  return lines.sort();
}

function byPathAndCode(a: Finding, b: Finding): number {
  const left = `${a.path} ${a.code} ${a.value}`;
  const right = `${b.path} ${b.code} ${b.value}`;
  return left < right ? -1 : left > right ? 1 : 0;
}

function summaryOf(errors: number, warnings: number, acknowledged: number): string {
  const counted = (amount: number, word: string) => `${amount} ${word}${amount === 1 ? '' : 's'}`;
  return `meshwright: ${counted(errors, 'error')}, ${counted(warnings, 'warning')}, ${acknowledged} acknowledged`;
}

function say(lines: readonly string[]): void {
  process.stderr.write(`${lines.join('\n')}\n`);
}
