import type { Clock } from '../../clock';
import { text, type Answer, type Routes } from '../admin/types';
import { Http2Probe } from '../health-check/http2-probe';
import { TcpProbe, type Probe, type ProbeResult } from '../health-check/probe';
import type { Transport } from '../transport';
import { httpGet, type Target } from './http-get';
import type { AppProbe, AppProbes } from './types';

export { parseAppProbes } from './parse';
export type { AppProbe, AppProbes } from './types';

export interface AppProbeDeps extends Target {
  readonly clock: Clock;
  readonly transport: Transport;
}

/**
 * Pages of the health server by which the kubelet asks the application, whose port takes nobody without a certificate. There is one for each
 * declared probe; what it asks is what was declared, whatever it is asked with; and it tells a status, nothing that the application says. While
 * one question is under way, whoever asks the same waits for its answer: nobody can have the application asked more often than it answers.
 */
export function appProbeRoutes(probes: AppProbes, deps: AppProbeDeps): Routes {
  return new Map([...probes].map(([path, probe]) => {
    let pending: Promise<Answer> | undefined;
    const handle = async (): Promise<Answer> => pending ??= ask(probe, deps).finally(() => { pending = undefined; });
    return [path, { method: 'GET' as const, help: `asks the application: ${probe.kind}`, handle }];
  }));
}

async function ask(probe: AppProbe, deps: AppProbeDeps): Promise<Answer> {
  return new Promise((resolve) => {
    const end = begin(probe, deps, (answer) => {
      timer.cancel();
      resolve(answer);
    });
    const timer = deps.clock.setTimer(probe.timeout, () => {
      end();
      resolve(text(`no answer within ${probe.timeout / 1000} s\n`, 504));
    });
  });
}

/** @returns ends it, without a word */
function begin(probe: AppProbe, deps: AppProbeDeps, done: (answer: Answer) => void): () => void {
  if (probe.kind === 'httpGet') {
    return httpGet(probe, deps, (error, status = 0) => {
      if (error) done(text(`no answer: ${(error as NodeJS.ErrnoException).code ?? error.message}\n`, 503));
      else done(text(`${status}\n`, status >= 200 && status < 400 ? 200 : status >= 400 && status < 600 ? status : 502));
    });
  }
  const { transport } = deps;
  const result = (is: ProbeResult) => done(text(`${is}\n`, is === 'healthy' ? 200 : 503));
  const made: Probe = probe.kind === 'tcpSocket' ? new TcpProbe(transport.input, result)
    : new Http2Probe({ kind: 'grpc', service: probe.service, host: `${deps.host}:${probe.port}` }, false, transport.input, result);
  made.connection = transport.connect(deps.address, probe.port, made);
  return () => made.cancel();
}
