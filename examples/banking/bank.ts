import { Chart, Duration, Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import {
  AccessLog, CallRule, CircuitBreaker, Claim, ExternalService, HashKey, HttpMethod, Interception, JwtAuthentication, LoadBalancer, Mesh, MeshService,
  ServicePort, StringMatch, Timeout,
} from 'meshwright';
import { CapacityBound, GoldResilience, PciService } from '../policy-library';

/**
 * The bank: teller → transaction → ledger, and screening, which is somebody else's. 500,000 transactions a day are six a second; the objective is 10,000 a second.
 *
 * The numbers that the design was published with conflict, and this is what stands here:
 *
 * - *A timeout of 1 s and backoffs of 200, 400, 800 ms*: the waits alone take 1.4 s. One second is what a *try* gets; with four tries and their waits
 *   the whole call may take 5.4 s, and that is written out as the total.
 * - *10,000 transactions a second*: with 20 ms an answer they are 200 requests in flight, so the two transaction pods need 100 connections each to the
 *   ledger. The limit of the ledger is what those carry, and not more.
 * - *Open after 5 HTTP 500s*: with three retries that is the second failing transfer. Money waits rather than fails, so the breaker takes ten: more
 *   than two transfers with all their tries.
 */
export class Bank extends Chart {
  readonly mesh: Mesh;
  readonly teller: MeshService;
  readonly transaction: MeshService;
  readonly ledger: MeshService;
  /** Who may be paid: api.screening.example says. */
  readonly screening: ExternalService;

  constructor(scope: Construct, id: string) {
    super(scope, id, { namespace: 'bank' });
    const port = ServicePort.http(8080);
    const mesh = this.mesh = new Mesh(this, 'mesh', {
      trustDomain: 'bank.example',
      accessLog: AccessLog.stdout(100),
      // No library of a teller, however little it thinks of HTTP_PROXY, sends a byte past its proxy.
      interception: Interception.transparent(),
    });
    const resources = { cpu: { request: Cpu.units(1), limit: Cpu.units(2) }, memory: { request: Size.gibibytes(1), limit: Size.gibibytes(1) } };
    const transactionReplicas = 2;
    const ledgerReplicas = 3;
    const latency = Duration.millis(20);

    this.ledger = new PciService(this, 'ledger', {
      mesh,
      port,
      resources,
      image: 'bank/ledger:5.0.1',
      replicas: ledgerReplicas,
      expectedLatency: latency,
      policies: [
        GoldResilience.ofTries(Duration.seconds(1), { retries: 3, firstBackoff: Duration.millis(200), failures: 10, cooldown: Duration.seconds(60) }),
        new CapacityBound({ callers: transactionReplicas, maxConnections: 100, maxPendingRequests: 50, latency, replicas: ledgerReplicas }),
      ],
      // Entries of one key meet in one replica: it knows whether it has written one already.
      loadBalancer: LoadBalancer.ringHash(HashKey.header('idempotency-key')),
    });

    // Outside of the mesh. The application speaks plain text to its own proxy, and that TLS to whoever proves to have the name. It has two seconds; while nobody
    // answers, transfers fail at once rather than wait.
    this.screening = new ExternalService(this, 'screening', {
      mesh,
      hostname: 'api.screening.example',
      port: ServicePort.http(443),
      timeout: Timeout.total(Duration.seconds(2)),
      circuitBreaker: CircuitBreaker.consecutiveFailures(5, { cooldown: Duration.seconds(10) }),
    });

    this.transaction = new PciService(this, 'transaction', {
      mesh,
      port,
      resources,
      image: 'bank/transaction:2.3.0',
      replicas: transactionReplicas,
      // The key of the transfer goes through to the ledger, which writes it once.
      idempotentMethods: [HttpMethod.POST],
      loadBalancer: LoadBalancer.leastRequest(2),
      // No retry here: the ledger's callers retry already, and two layers of it would make sixteen requests of one.
      // Its own two calls are within: 2 s and 5.4 s.
      timeout: Timeout.total(Duration.seconds(8)),
      // The certificate says that it is the teller who calls, the token in whose name. The application gets the customer in a header that nobody else can set.
      authentication: JwtAuthentication.oidc('https://login.bank.example', { audiences: ['transaction'], claimHeaders: { 'x-user': 'sub' } }),
    });
    this.transaction.calls(this.screening);
    this.transaction.calls(this.ledger);

    this.teller = new MeshService(this, 'teller', { mesh, port, image: 'bank/teller:1.1.0', loadBalancer: LoadBalancer.roundRobin() });
    // Nothing else of the transaction service is the teller's, and only in the name of a customer who may transfer.
    this.teller.calls(this.transaction, {
      allow: [CallRule.http({ methods: [HttpMethod.POST], path: StringMatch.exact('/transactions'), claims: [Claim.scope('transfers:write')] })],
    });
  }
}
