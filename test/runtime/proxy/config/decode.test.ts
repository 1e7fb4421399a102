import { join } from 'node:path';
import { decodeCluster, decodeEndpoints, decodeListener, decodeRouteTable, type Decoded } from '../../../../runtime/proxy/config/decode';
import {
  ClusterLoadAssignmentSchema, ClusterSchema, decode, encode, fromJson, isMessage, ListenerSchema, RouteConfigurationSchema, schemaOf, toJson,
  type Message, type Schema,
} from '../../../../runtime/xds';
import { goldenTest, toYaml } from '../../../golden';

function resource(document: unknown): { schema: Schema; message: Message } {
  const { '@type': type, ...fields } = document as { '@type': string };
  const schema = schemaOf(type)!;
  return { schema, message: fromJson(schema, fields) };
}

function decodeAny(message: Message): Decoded<unknown> {
  if (isMessage(message, ListenerSchema)) return decodeListener(message);
  if (isMessage(message, RouteConfigurationSchema)) return decodeRouteTable(message);
  if (isMessage(message, ClusterSchema)) return decodeCluster(message);
  if (isMessage(message, ClusterLoadAssignmentSchema)) return decodeEndpoints(message);
  throw new Error(message.$typeName);
}

describe('xDS resources as the proxy sees them', () => {
  goldenTest(join(__dirname, '../../../testdata/proxy/decode'), ({ documents }) => documents.map((document) => {
    const { schema, message } = resource(document);
    const decoded = decodeAny(message);
    // The same through the wire and through JSON.
    expect(toYaml(decodeAny(decode(schema, encode(schema, message))))).toBe(toYaml(decoded));
    expect(toYaml(decodeAny(fromJson(schema, toJson(schema, message))))).toBe(toYaml(decoded));
    return decoded.value ?? { problems: decoded.problems };
  }));
});
