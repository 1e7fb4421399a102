import { defineCheck } from './define';

/** Protocols that the contract has, and the proxy of this version does not carry yet. */
export const unsupportedProtocol = defineCheck('MW104', 'error', 'unsupported-protocol', ({ services }, report) => {
  for (const { path, spec: { port } } of services) {
    if (port.protocol !== 'tcp') continue;
    const fix = `write ServicePort.http(${port.number}) if it speaks HTTP, or leave the service out of the mesh`;
    report(path, `port: ${port.protocol}(${port.number})`, 'must be http, http2 or grpc: the proxy of this version carries HTTP only', fix);
  }
});
