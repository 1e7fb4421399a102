/**
 * A constant load as a program: beside a sidecar in a pod, or on this machine. Environment: URL, PROXIES (HOST:PORT, comma separated;
 * 127.0.0.1:15001), RATE (requests a second, 500), METHOD (PUT), LATE_AFTER and LOST_AFTER (milliseconds, 1000 and 30000), HOST and PORT of its own
 * server. It waits until the URL answers, then begins. GET /report: LoadReport, and whether it has begun. POST /stop: the same after the last request
 * has ended. SIGTERM: stops, writes the report as a line to standard output, and ends.
 */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../../../runtime/clock';
import { ConstantLoad } from './constant-load';

const { URL: url = 'http://echo/', PROXIES = '127.0.0.1:15001', RATE = '500', METHOD = 'PUT', HOST, PORT = '0' } = process.env;
const { LATE_AFTER = '1000', LOST_AFTER = '30000' } = process.env;
const proxies = PROXIES.split(',');
const load = new ConstantLoad(systemClock, {
  url, proxies, method: METHOD, requestsPerSecond: Number(RATE), lateAfter: Number(LATE_AFTER), lostAfter: Number(LOST_AFTER),
});
let begun = false;
let ending = false;

/** Through every proxy once. */
async function answers(): Promise<boolean> {
  const each = proxies.map(async (proxy) => new Promise<boolean>((resolve) => {
    const at = proxy.lastIndexOf(':');
    const to = { host: proxy.slice(0, at), port: proxy.slice(at + 1), path: url, headers: { host: new URL(url).host } };
    const sent = request({ ...to, agent: false, timeout: 2000 }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode === 200));
    });
    sent.on('error', () => resolve(false)).on('timeout', () => sent.destroy()).end();
  }));
  return (await Promise.all(each)).every((good) => good);
}

const begin = async (): Promise<void> => {
  if (!await answers()) {
    systemClock.setTimer(100, () => void begin());
    return;
  }
  if (ending) return;
  begun = true;
  load.start();
};

const server = createServer((incoming, response) => {
  const write = (report: object): void => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ begun, ...report }));
  };
  if (incoming.url === '/report') {write(load.report());} else if (incoming.url === '/stop' && incoming.method === 'POST') {
    ending = true;
    void load.stop().then(write);
  } else {response.writeHead(incoming.url === '/' ? 200 : 404).end();}
});
server.listen(Number(PORT), HOST, () => process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`));
process.once('SIGTERM', () => {
  ending = true;
  void load.stop().then((report) => {
    process.stdout.write(`${JSON.stringify({ begun, ...report })}\n`);
    process.exit(0);
  });
});
void begin();
