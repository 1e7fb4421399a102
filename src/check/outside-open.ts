import { defineCheck } from './define';

/** Everything outside of the mesh is open: data leave by any way that somebody in a pod finds. */
export const outsideOpen = defineCheck('MW169', 'warning', 'outside-open', ({ meshes, services }, report) => {
  for (const { path, spec: { outsideTraffic } } of [...meshes, ...services]) {
    if (outsideTraffic?.policy !== 'any') continue;
    report(path, 'outsideTraffic: any', 'whoever is in a pod may send to everybody, and nothing is known of it', 'declare an ExternalService for each host that is called, or list hosts and networks by OutsideTraffic.allow');
  }
});
