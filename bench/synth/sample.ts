/**
 * One synth, measured from `new App()` to the last byte written, in a process of its own:
 *
 *   node sample.js meshwright SERVICES [FILE]    a mesh of that many services; FILE receives its documents
 *   node sample.js bare FILE                     bare cdk8s with exactly these documents, each an ApiObject
 *
 * Prints one line of JSON. Loading the libraries is not part of it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ApiObject, App, Chart, Duration, Testing } from 'cdk8s';
import {
  Bulkhead, CircuitBreaker, HttpMatch, HttpMethod, HttpRoute, HttpRule, LoadBalancer, Mesh, MeshService, OutlierDetection, Retry, RetryOn,
  ServicePort, StringMatch, Timeout,
} from 'meshwright';

/** Three tiers: one in ten services is at the edge, five are in the middle, four are stores. Each calls three of the tier below it. */
const TIERS = [0.1, 0.6, 1];
const CALLS = 3;

const RETRY = Retry.exponential({ attempts: 2, baseInterval: Duration.millis(50), on: [RetryOn.GATEWAY_ERROR, RetryOn.CONNECT_FAILURE] });

function tierOf(index: number, count: number): number {
  return TIERS.findIndex((end) => index < end * count);
}

/** A mesh with every policy set, a route of its own for each fifth service, and no finding: what a real one looks like when it is in order. */
function mesh(app: App, count: number): void {
  const chart = new Chart(app, 'bench', { namespace: 'bench' });
  const root = new Mesh(chart, 'mesh', { trustDomain: 'bench.example' });
  const services: MeshService[] = [];
  for (let index = 0; index < count; index++) {
    const tier = tierOf(index, count);
    const last = tier === TIERS.length - 1;
    const service = new MeshService(chart, `service-${index}`, {
      mesh: root,
      image: `bench/service-${index}:1.0.0`,
      port: ServicePort.http(8080),
      replicas: 2,
      // A caller waits longer than what it calls.
      timeout: Timeout.total(Duration.seconds(8 - 3 * tier), { perTry: Duration.millis(last ? 500 : 8000 - 3000 * tier) }),
      // Retries at the last tier only: they multiply along a path.
      retry: last ? RETRY : undefined,
      circuitBreaker: CircuitBreaker.consecutiveFailures(10, { cooldown: Duration.seconds(30) }),
      bulkhead: Bulkhead.of({ maxConnections: 100, maxPendingRequests: 10 }),
      loadBalancer: LoadBalancer.leastRequest(2),
      outlierDetection: OutlierDetection.consecutiveServerErrors(20, { baseEjectionDuration: Duration.seconds(30), maxEjectionPercent: 50 }),
    });
    services.push(service);
    if (index % 5 === 0) {
      const matches: HttpMatch[] = [{ path: StringMatch.prefix('/v2'), method: HttpMethod.GET, headers: { 'x-tenant': StringMatch.exact('acme') } }];
      const rules = [HttpRule.forward(service, { name: 'tenant', matches }), HttpRule.forward(service, { name: 'all' })];
      new HttpRoute(chart, `route-${index}`, { service, rules });
    }
  }
  for (const [index, service] of services.entries()) {
    const tier = tierOf(index, count);
    if (tier === TIERS.length - 1) continue;
    const first = Math.ceil(TIERS[tier] * count);
    const below = Math.ceil(TIERS[tier + 1] * count) - first;
    for (let call = 0; call < Math.min(CALLS, below); call++) service.calls(services[first + (index * CALLS + call) % below]);
  }
}

function bare(app: App, documents: readonly any[]): void {
  const chart = new Chart(app, 'bench', { namespace: 'bench' });
  for (const [index, document] of documents.entries()) new ApiObject(chart, `object-${index}`, document);
}

/** Counts the time in the checks of the whole graph: the one function that runs them is wrapped. */
function timeChecks(): () => number {
  const require = createRequire(__filename);
  const check = require(join(dirname(require.resolve('meshwright')), 'check/index.js'));
  const inner = check.checkGraph;
  let spent = 0;
  check.checkGraph = (...args: unknown[]) => {
    const start = performance.now();
    try {
      return inner(...args);
    } finally {
      spent += performance.now() - start;
    }
  };
  return () => spent;
}

const [kind, argument, file] = process.argv.slice(2);
const documents = kind === 'bare' ? JSON.parse(readFileSync(argument, 'utf8')) : [];
const outdir = mkdtempSync(join(tmpdir(), 'meshwright-synth-'));
const checks = kind === 'bare' ? () => 0 : timeChecks();
try {
  const usage = process.cpuUsage();
  const start = performance.now();
  const app = new App({ outdir });
  if (kind === 'bare') bare(app, documents);
  else mesh(app, Number(argument));
  const constructed = performance.now();
  app.synth();
  const end = performance.now();
  const { user, system } = process.cpuUsage(usage);
  const objects = app.charts.flatMap((chart) => chart.toJson());
  if (file !== undefined) writeFileSync(file, JSON.stringify(Testing.synth(app.charts[0])));
  console.log(JSON.stringify({
    wall: end - start,
    construct: constructed - start,
    processor: (user + system) / 1000,
    checks: checks(),
    objects: objects.length,
    memory: process.memoryUsage().rss / 1e6,
  }));
} finally {
  rmSync(outdir, { recursive: true, force: true });
}
