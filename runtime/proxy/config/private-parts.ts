import { decode, schemaOf, visitFields, type Any } from '../../xds';

const TLS = 'envoy.extensions.transport_sockets.tls.v3.';
/** By message type, the fields that only their owner may know: Envoy marks the same as sensitive. */
export const PRIVATE_FIELDS: Readonly<Record<string, readonly string[]>> = {
  [`${TLS}TlsCertificate`]: ['private_key', 'pkcs12', 'password', 'private_key_provider'],
  [`${TLS}TlsSessionTicketKeys`]: ['keys'],
  [`${TLS}GenericSecret`]: ['secret'],
};

/** Whether a key is anywhere in a resource; also what cannot be read counts as one. */
export function holdsPrivateKey(resource: Any): boolean {
  const schema = schemaOf(resource.typeUrl);
  if (!schema) return true;
  let found = false;
  visitFields(schema, decode(schema, resource.value), ({ schema: holder, field }) => {
    if (field && PRIVATE_FIELDS[holder.typeName]?.includes(field.name)) found = true;
    return !found;
  });
  return found;
}
