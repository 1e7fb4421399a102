import type { SetFilterState } from '../../../xds';
import type { Problems } from '../problems';
import { show } from '../problems';
import { protocolNames } from './transport-socket';

const KEY = 'envoy.network.application_protocols';

/** What a connection's upstreams of TLS are offered by ALPN: Envoy's well-known filter state, set to the same text for every connection. */
export function upstreamProtocols({ onNewConnection }: SetFilterState, path: string, problems: Problems): readonly string[] {
  const at = `${path}.on_new_connection`;
  if (onNewConnection.length !== 1) {
    problems.add(at, `there are ${onNewConnection.length}; one is supported, of object_key ${KEY}`);
    return [];
  }
  const [{ key, value }] = onNewConnection;
  if (key.case !== 'objectKey') problems.add(`${at}[0].object_key`, `is required: ${KEY}`);
  const format = value.case === 'formatString' ? value.value.format : undefined;
  const source = format?.case === 'textFormatSource' ? format.value.specifier : undefined;
  const textPath = `${at}[0].format_string.text_format_source.inline_string`;
  if (source?.case !== 'inlineString') {
    problems.add(textPath, 'is required: protocols, joined by commas');
    return [];
  }
  if (source.value.includes('%')) problems.add(textPath, `${show(source.value)} must have no operators: every connection is offered the same`);
  return protocolNames([source.value], textPath, problems);
}
