import { RawBufferSchema, unpackAnyAs, type TransportSocket } from '../../../xds';
import type { Problems } from '../problems';

/** Problems of a transport socket that is not plain TCP. */
export function plainText(socket: TransportSocket | undefined, path: string, problems: Problems): void {
  if (!socket) return;
  const any = socket.configType.case === 'typedConfig' ? socket.configType.value : undefined;
  if (!unpackAnyAs(RawBufferSchema, any)) problems.add(`${path}.typed_config`, 'must be envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer');
}
