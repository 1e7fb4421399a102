import { defineCheck } from './define';
import { viewOf } from './view';

/** Routes of both kinds for one service: Gateway API lets a host and port have one kind, and the younger routes would be refused. */
export const routeKinds = defineCheck('MW149', 'error', 'route-kinds', (graph, report) => {
  for (const [key, routes] of viewOf(graph).routes) {
    const http = routes.find(({ grpc }) => grpc !== true);
    for (const { path, grpc } of routes) {
      if (grpc !== true || http === undefined) continue;
      const fix = 'write its rules as HttpRule with path /<service>/<method> in an HttpRoute, or all of them as GrpcRule';
      report(path, `GrpcRoute of ${graph.byKey.get(key)!.path}, which has HttpRoute ${http.path}`, 'a service must have routes of one kind', fix);
    }
  }
});
