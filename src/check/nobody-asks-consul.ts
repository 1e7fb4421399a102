import { defineCheck } from './define';

/** Services that have endpoints in Consul, in a mesh whose control plane asks none. */
export const nobodyAsksConsul = defineCheck('MW175', 'warning', 'nobody-asks-consul', ({ meshes, services }, report) => {
  for (const { path, mesh, spec: { discovery } } of services) {
    if (discovery === undefined || meshes.find((one) => one.path === mesh)?.consul) continue;
    report(path, `discovery: ${discovery.consul.service} in Consul`, `the control plane of ${mesh} asks no Consul: these instances get nothing`,
      "name its agent at the mesh, controlPlane: { consul: { address: 'http://consul.example:8500' } }");
  }
});
