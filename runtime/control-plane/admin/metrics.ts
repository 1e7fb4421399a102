import { shortType, TYPES, type AdsStats } from '../ads';
import type { SharedStatus, StatusReport } from '../status';

/** What the numbers are made of, at the moment of the scrape. */
export interface MetricsInput {
  readonly ready: boolean;
  readonly ads: AdsStats;
  readonly report: StatusReport;
  /** Where replicas share a status. */
  readonly shared?: Pick<SharedStatus, 'leading' | 'stats'>;
  /** Times that the mesh was made again from its resources, and the seconds that this took in all. */
  readonly builds: { readonly count: number; readonly seconds: number; readonly failures: number };
  readonly process: { readonly residentBytes: number; readonly cpuSeconds: number; readonly startTime: number };
}

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** Prometheus' text format, version 0.0.4. */
export function metricsText({ ready, ads, report, builds, process, shared }: MetricsInput): string {
  const lines: string[] = [];
  const family = (name: string, type: 'counter' | 'gauge', help: string, samples: readonly Sample[]) => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map(([labels, value]) => `${name}${labelText(labels)} ${value}`));
  };
  const own = (name: string) => `meshwright_control_plane_${name}`;
  const byType = (count: (type: (typeof TYPES)[number]) => number): Sample[] => TYPES.map((type) => [{ type: shortType(type) }, count(type)]);

  family(own('ready'), 'gauge', 'Whether all sources are read and proxies are answered.', [[{}, Number(ready)]]);
  family(own('connected_proxies'), 'gauge', 'Proxies connected, by how far they are.', countBy(report.proxies.map(({ state }) => state), 'state',
    ['current', 'updating', 'refused', 'unknown-service']));
  family(own('streams_total'), 'counter', 'ADS streams opened.', [[{}, ads.streamsOpened]]);
  family(own('streams_refused_total'), 'counter', 'ADS streams refused because the node did not say who it is.', [[{}, ads.streamsRefused]]);
  family(own('xds_responses_total'), 'counter', 'Responses sent.', byType((type) => ads.types[type].responses));
  family(own('xds_resources_total'), 'counter', 'Resources sent.', byType((type) => ads.types[type].resources));
  family(own('xds_removals_total'), 'counter', 'Resources withdrawn.', byType((type) => ads.types[type].removals));
  family(own('xds_acks_total'), 'counter', 'Responses that a proxy took.', byType((type) => ads.types[type].acks));
  family(own('xds_nacks_total'), 'counter', 'Responses that a proxy refused.', byType((type) => ads.types[type].nacks));
  family(own('objects'), 'gauge', 'Objects that have a status, by kind.', countBy(report.objects.map(({ kind }) => kind), 'kind', ['Mesh', 'MeshService', 'ExternalService', 'HTTPRoute', 'GRPCRoute']));
  const conditions = report.objects.flatMap((object) => object.conditions.filter(({ status }) => status === 'False').map(({ type }) => type as string));
  family(own('conditions_false'), 'gauge', 'Conditions of objects that do not hold.', countBy(conditions, 'type', ['Accepted', 'ResolvedRefs', 'Programmed']));
  if (shared) {
    family(own('leader'), 'gauge', 'Whether this replica writes the status of objects.', [[{}, Number(shared.leading)]]);
    family(own('status_writes_total'), 'counter', 'Statuses written to the Kubernetes API.', [[{}, shared.stats.writes]]);
    family(own('status_write_failures_total'), 'counter', 'Writes of a status that failed and are tried again.', [[{}, shared.stats.failures]]);
  }
  family(own('unreadable_documents'), 'gauge', 'Files and documents that could not be read.', [[{}, report.unreadable.length]]);
  family(own('builds_total'), 'counter', 'Times that the mesh was made from its resources.', [[{}, builds.count]]);
  family(own('build_failures_total'), 'counter', 'Times that this failed; the mesh before stays.', [[{}, builds.failures]]);
  family(own('build_seconds_total'), 'counter', 'Seconds that this took.', [[{}, builds.seconds]]);
  family('process_resident_memory_bytes', 'gauge', 'Resident memory.', [[{}, process.residentBytes]]);
  family('process_cpu_seconds_total', 'counter', 'CPU time of user and system.', [[{}, process.cpuSeconds]]);
  family('process_start_time_seconds', 'gauge', 'Start of the process since 1970.', [[{}, process.startTime]]);
  return `${lines.join('\n')}\n`;
}

/** Every known value has a sample, so that a rate over it never begins in the middle. */
function countBy(values: readonly string[], label: string, known: readonly string[]): Sample[] {
  return [...new Set([...known, ...values])].map((value) => [{ [label]: value }, values.filter((one) => one === value).length]);
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/["\\\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
