import { allowOfBytes } from './allow-of-bytes';
import { ambiguousRegion } from './ambiguous-region';
import { authorizationAudit } from './authorization-audit';
import { backoffExceedsTimeout } from './backoff-exceeds-timeout';
import { badRegex } from './bad-regex';
import { breakerVolume } from './breaker-volume';
import { breakerWithinCall } from './breaker-within-call';
import { callerGivesUpFirst } from './caller-gives-up-first';
import { callsExceedLimit } from './calls-exceed-limit';
import { callsWithoutProxy } from './calls-without-proxy';
import { claimsWithoutToken } from './claims-without-token';
import { duplicateContainer } from './duplicate-container';
import { duplicateEnvironment } from './duplicate-environment';
import { duplicateExternal } from './duplicate-external';
import { duplicateObject } from './duplicate-object';
import { excludedServicePort } from './excluded-service-port';
import { externalCallOptions } from './external-call-options';
import { externalHost } from './external-host';
import { externalPort } from './external-port';
import { externalTls } from './external-tls';
import { failoverTooSmall } from './failover-too-small';
import { failoverWithoutDetection } from './failover-without-detection';
import { failoverWithoutEndpoints } from './failover-without-endpoints';
import { faultOfAll } from './fault-of-all';
import type { Check, Finding } from './finding';
import { floatingImage } from './floating-image';
import { gracePeriod } from './grace-period';
import type { MeshGraph } from './graph';
import { grpcNeedsHttp2 } from './grpc-needs-http2';
import { grpcRetryMethods } from './grpc-retry-methods';
import { grpcRetryStatuses } from './grpc-retry-statuses';
import { hashWithLocality } from './hash-with-locality';
import { hostNetwork } from './host-network';
import { keysInPlainText } from './keys-in-plain-text';
import { keysOfMeshService } from './keys-of-mesh-service';
import { localPort } from './local-port';
import { mirrorOfWrites } from './mirror-of-writes';
import { mixedProtocols } from './mixed-protocols';
import { needsProxy } from './needs-proxy';
import { noFailover } from './no-failover';
import { nobodyAsksConsul } from './nobody-asks-consul';
import { objectName } from './object-name';
import { otherMesh } from './other-mesh';
import { outlierRoundsToZero } from './outlier-rounds-to-zero';
import { outlierSingleReplica } from './outlier-single-replica';
import { outsideDenied } from './outside-denied';
import { outsideOpen } from './outside-open';
import { overlappingRoutes } from './overlapping-routes';
import { peakExceedsPool } from './peak-exceeds-pool';
import { permissiveEncryption } from './permissive-encryption';
import { plainTextPods } from './plain-text-pods';
import { podSecurity } from './pod-security';
import { poolBelowRate } from './pool-below-rate';
import { portMismatch } from './port-mismatch';
import { portName } from './port-name';
import { probePort } from './probe-port';
import { proxyUser } from './proxy-user';
import { requestAboveLimit } from './request-above-limit';
import { reservedPort } from './reserved-port';
import { retriesFitTimeout } from './retries-fit-timeout';
import { retryAmplification } from './retry-amplification';
import { retryInCycle } from './retry-in-cycle';
import { routeKinds } from './route-kinds';
import { routeNeedsHttp } from './route-needs-http';
import { severalInjectors } from './several-injectors';
import { shareExceedsLimit } from './share-exceeds-limit';
import { slowDetection } from './slow-detection';
import { timeoutOfBytes } from './timeout-of-bytes';
import { tryExceedsTotal } from './try-exceeds-total';
import { unansweredProbe } from './unanswered-probe';
import { undeclaredPort } from './undeclared-port';
import { unknownDestination } from './unknown-destination';
import { unknownRegion } from './unknown-region';
import { unknownVersion } from './unknown-version';
import { unreachableRule } from './unreachable-rule';
import { unsafeRetry } from './unsafe-retry';

/**
 * The checks, in the order of their codes. A new one is a file here, a line below, a page `docs/findings/<code>.md` and a case in `test/check`.
 * Codes are never used again: MW104 said of a port that its protocol was not carried yet.
 */
export const CHECKS: readonly Check[] = [
  unknownDestination, otherMesh, unknownVersion, portMismatch, mixedProtocols, breakerWithinCall, routeNeedsHttp,
  unreachableRule, overlappingRoutes, badRegex, retriesFitTimeout, backoffExceedsTimeout, tryExceedsTotal, callerGivesUpFirst, unsafeRetry,
  retryAmplification, poolBelowRate, callsExceedLimit, outlierSingleReplica, outlierRoundsToZero, failoverWithoutDetection,
  failoverWithoutEndpoints, unknownRegion, noFailover, floatingImage, objectName, duplicateContainer, reservedPort, proxyUser,
  duplicateEnvironment, duplicateObject, gracePeriod, hashWithLocality, retryInCycle, ambiguousRegion, portName, shareExceedsLimit,
  breakerVolume, requestAboveLimit, probePort,
  peakExceedsPool, slowDetection, failoverTooSmall, undeclaredPort, localPort, timeoutOfBytes, grpcNeedsHttp2,
  routeKinds, grpcRetryMethods, grpcRetryStatuses, permissiveEncryption, authorizationAudit, allowOfBytes, faultOfAll,
  claimsWithoutToken, keysOfMeshService, keysInPlainText,
  unansweredProbe, podSecurity, severalInjectors, excludedServicePort, hostNetwork, mirrorOfWrites,
  externalHost, duplicateExternal, externalTls, outsideDenied, outsideOpen, externalCallOptions, externalPort,
  plainTextPods, needsProxy, callsWithoutProxy, nobodyAsksConsul,
];

/** What all checks find in the graph, sorted by path, then code, then value. */
export function checkGraph(graph: MeshGraph): Finding[] {
  return CHECKS.flatMap((check) => check.find(graph)).sort((a, b) => compare(a.path, b.path) || compare(a.code, b.code) || compare(a.value, b.value));
}

/** By code unit, so that it is the same on every machine. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
