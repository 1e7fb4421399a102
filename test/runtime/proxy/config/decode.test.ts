import { join } from 'node:path';
import { decode, encode, fromJson, schemaOf, toJson, type Message, type Schema } from '../../../../runtime/xds';
import { goldenTest, toYaml } from '../../../golden';
import { decodeMessage } from './decode-message';

function resource(document: unknown): { schema: Schema; message: Message } {
  const { '@type': type, ...fields } = document as { '@type': string };
  const schema = schemaOf(type)!;
  return { schema, message: fromJson(schema, fields) };
}

describe('xDS resources as the proxy sees them', () => {
  goldenTest(join(__dirname, '../../../testdata/proxy/decode'), ({ documents }) => documents.map((document) => {
    const { schema, message } = resource(document);
    const decoded = decodeMessage(message);
    expect(decoded.problems).toEqual([]);
    // The same through the wire and through JSON.
    expect(toYaml(decodeMessage(decode(schema, encode(schema, message))))).toBe(toYaml(decoded));
    expect(toYaml(decodeMessage(fromJson(schema, toJson(schema, message))))).toBe(toYaml(decoded));
    return decoded.value!;
  }));
});
