import { request } from 'node:http';
import type { Clock } from '../clock';
import { clusterCounts, type Snapshot } from './traffic';
import { podKey, type PodState } from './types';

/** Longest wait for the metrics of a pod, in milliseconds. */
const TIMEOUT = 900;

/** Asks every pod's proxy for its counts; one that does not answer is left out. */
export async function scrape(pods: readonly PodState[], clock: Clock): Promise<Snapshot> {
  const found = await Promise.all(pods.map(async ({ spec }) => {
    if (spec.service === undefined || spec.readyPort === undefined) return [];
    const page = await get(spec.address, spec.readyPort, '/stats/prometheus').catch(() => undefined);
    return page === undefined ? [] : [[podKey(spec), { service: spec.service, clusters: clusterCounts(page) }] as const];
  }));
  return { at: clock.now(), pods: new Map(found.flat()) };
}

async function get(host: string, port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, path, agent: false, timeout: TIMEOUT }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => { text += chunk; });
      response.on('end', () => (response.statusCode === 200 ? resolve(text) : reject(new Error(`status ${response.statusCode}`))));
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', reject);
    sent.end();
  });
}
