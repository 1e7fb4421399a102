import { defineCheck } from './define';

/** The port of a service among those that are past its proxy. */
export const excludedServicePort = defineCheck('MW162', 'warning', 'excluded-service-port', ({ services }, report) => {
  for (const { spec: { port }, versions } of services) {
    for (const { path, pod } of versions) {
      if (!pod.interception?.openPorts.includes(port.number)) continue;
      report(
        path,
        `excludeInboundPorts: ${port.number}, the port of the service`,
        'is reached without a certificate, and whatever calls declare: by everybody who knows the address of a pod',
        'take it out; probes come through without it',
      );
    }
  }
});
