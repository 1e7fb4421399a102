export { compileKey } from './hash-policy';
export { compileRouteTable, type RouteDependencies } from './table';
export type {
  ClusterChoice, CompiledAction, DirectAction, ForwardAction, MadeCookies, RedirectAction, RequestHead, RouteMatch, RouteTable,
} from './types';
