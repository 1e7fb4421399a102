import { decodeCluster, decodeEndpoints, decodeListener, decodeRouteTable, decodeSecret, type Decoded } from '../../../../runtime/proxy/config/decode';
import {
  ClusterLoadAssignmentSchema, ClusterSchema, isMessage, ListenerSchema, RouteConfigurationSchema, SecretSchema, type Message,
} from '../../../../runtime/xds';

/** What the proxy makes of a resource of any type. */
export function decodeMessage(message: Message): Decoded<unknown> {
  if (isMessage(message, ListenerSchema)) return decodeListener(message);
  if (isMessage(message, RouteConfigurationSchema)) return decodeRouteTable(message);
  if (isMessage(message, ClusterSchema)) return decodeCluster(message);
  if (isMessage(message, ClusterLoadAssignmentSchema)) return decodeEndpoints(message);
  if (isMessage(message, SecretSchema)) return decodeSecret(message);
  throw new Error(message.$typeName);
}
