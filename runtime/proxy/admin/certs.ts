import type { JsonValue } from '../../xds';
import { allChains, type ProxySnapshot, type TlsCommonConfig } from '../config/types';
import { readIdentity } from '../tls/identity';
import { resolveTls } from '../tls/resolve';

const DAY = 86_400_000;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** What is in use of certificates and authorities, in the form of Envoy's `/certs`. There is nothing of a key in it. */
export function certs(snapshot: ProxySnapshot, now: number): JsonValue {
  const contexts: TlsCommonConfig[] = [
    ...[...snapshot.listeners.values()].flatMap((listener) => allChains(listener).flatMap(({ transportSocket }) => transportSocket ?? [])),
    ...[...snapshot.clusters.values()].flatMap(({ transportSocket }) => transportSocket ?? []),
  ];
  const shown = new Map<string, JsonValue>();
  for (const context of contexts) {
    const { certificates, validation } = resolveTls(context, snapshot.secrets);
    const trust = context.validation?.trust.secret ?? '<inline>';
    const chains = certificates.map(({ chain }, index) => describe(chain, context.certificates[index].secret ?? '<inline>', now));
    const entry = { ca_cert: validation ? describe(validation.trustedCa, trust, now) : [], cert_chain: chains.flat() };
    shown.set(JSON.stringify(entry), entry);
  }
  return { certificates: [...shown.values()] };
}

/** `path` is the secret's name: nothing is read from files but once. */
function describe(bundle: string, path: string, now: number): JsonValue[] {
  return (bundle.match(PEM) ?? []).map((pem) => {
    const { serial, subject, uris, dnsNames, ipAddresses, notBefore, notAfter } = readIdentity(pem);
    return {
      path,
      serial_number: serial.toLowerCase(),
      subject,
      subject_alt_names: [
        ...uris.map((uri) => ({ uri })), ...dnsNames.map((dns) => ({ dns })), ...ipAddresses.map((ip) => ({ ip_address: ip })),
      ],
      days_until_expiration: String(Math.max(0, Math.floor((notAfter - now) / DAY))),
      valid_from: new Date(notBefore).toISOString(),
      expiration_time: new Date(notAfter).toISOString(),
    };
  });
}
