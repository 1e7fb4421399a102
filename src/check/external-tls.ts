import { isIp } from './address';
import { defineCheck } from './define';

/** Whether TLS is spoken does not fit the port, or the name: most often a slip, and then every call fails, or goes out in plain text. */
export const externalTls = defineCheck('MW167', 'warning', 'external-tls', ({ externals }, report) => {
  for (const { path, spec: { hostname, port: { number, protocol }, tls } } of externals) {
    if (protocol !== 'tcp' && tls !== undefined && number === 80) {
      report(path, 'tls at port 80', 'port 80 is where HTTP without TLS is spoken', 'write ServicePort.http(443), or tls: false');
    }
    if (protocol !== 'tcp' && tls === undefined && number === 443) {
      report(path, 'tls: false at port 443', 'port 443 is where TLS is spoken, and plain text is read by everybody on the way', 'take tls: false out');
    }
    if (tls !== undefined && isIp(hostname)) {
      report(path, `hostname: ${hostname} with tls`, 'few certificates have an address: the name that the certificate has is what is verified', `write the name as hostname, and endpoints: [{ address: '${hostname}' }]`);
    }
  }
});
