import { defineCheck } from './define';

/** A call that pods without a sidecar cannot make. */
export const callsWithoutProxy = defineCheck('MW174', 'error', 'calls-without-proxy', ({ meshes, services, byKey }, report) => {
  for (const { spec: { dataPlane }, calls } of services) {
    if (dataPlane === undefined) continue;
    for (const { path, target, service, namespace } of calls) {
      const called = target === undefined ? undefined : byKey.get(target);
      if (!called) continue;
      const { protocol } = called.spec.port;
      const value = `calls(${service}.${namespace}) with dataPlane: ${dataPlane}`;
      if (dataPlane === 'proxyless-grpc') {
        if (protocol === 'grpc' || protocol === 'http2') continue;
        report(path, value, `the called speaks ${protocol}, and a library of gRPC calls what speaks HTTP/2`, 'leave dataPlane out: a sidecar calls everything');
        continue;
      }
      const encryption = called.spec.encryption ?? meshes.find((mesh) => mesh.path === called.mesh)?.spec.encryption;
      if (encryption === 'permissive' || called.spec.dataPlane !== undefined) continue;
      report(
        path, value, 'the called takes mutual TLS alone, and nobody makes it for these pods',
        `leave dataPlane out, or write encryption: TrafficEncryption.PERMISSIVE on ${service} while it has to be`,
      );
    }
  }
});
