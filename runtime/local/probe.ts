import { request } from 'node:http';
import { connect } from 'node:net';
import type { PodSpec } from './types';

/** Longest wait for a pod's answer, in milliseconds. */
const TIMEOUT = 1000;

/** Whether the proxy says that it is ready, and the application's ports take connections. */
export function probe(pod: PodSpec, done: (ready: boolean) => void): void {
  let missing = (pod.readyPort === undefined ? 0 : 1) + pod.appPorts.length;
  let over = false;
  const answer = (ready: boolean) => {
    if (over) return;
    missing--;
    if (ready && missing > 0) return;
    over = true;
    done(ready);
  };
  if (pod.readyPort !== undefined) probeHttp(pod.address, pod.readyPort, '/ready', answer);
  for (const port of pod.appPorts) probeTcp(pod.address, port, answer);
}

function probeHttp(host: string, port: number, path: string, answer: (ready: boolean) => void): void {
  const once = only(answer);
  const sent = request({ host, port, path, agent: false, timeout: TIMEOUT }, (response) => {
    response.resume();
    once(response.statusCode === 200);
  });
  sent.on('timeout', () => sent.destroy());
  sent.on('error', () => once(false));
  sent.on('close', () => once(false));
  sent.end();
}

function probeTcp(host: string, port: number, answer: (ready: boolean) => void): void {
  const once = only(answer);
  const socket = connect({ host, port, timeout: TIMEOUT });
  socket.on('connect', () => {
    once(true);
    socket.destroy();
  });
  socket.on('timeout', () => socket.destroy());
  socket.on('error', () => {});
  socket.on('close', () => once(false));
}

function only(answer: (ready: boolean) => void): (ready: boolean) => void {
  let given = false;
  return (ready) => {
    if (given) return;
    given = true;
    answer(ready);
  };
}
