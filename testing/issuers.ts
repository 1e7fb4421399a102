import { jwksUriIn } from '../runtime/control-plane/openid';
import { discoveryUrl } from '../runtime/control-plane/resolve';
import { bodyBytes } from './http1';
import type { Stub } from './stub-service';

/** Where OpenID providers have their keys, as they say it when `ask` asks them; of those that say nothing, nothing. */
export async function keysOf(
  issuers: Iterable<string>, ask: (host: string, port: number, path: string) => ReturnType<Stub>,
): Promise<Map<string, string>> {
  const known = new Map<string, string>();
  for (const issuer of issuers) {
    try {
      const { hostname, port, protocol, pathname } = new URL(discoveryUrl(issuer));
      const answer = await ask(hostname, port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port), pathname);
      if (typeof answer === 'string' || (answer.status ?? 200) !== 200) continue;
      known.set(issuer, jwksUriIn(bodyBytes(answer.body).toString('utf8'), issuer));
    } catch {
      // The control plane logs it and asks again; here the next update does.
    }
  }
  return known;
}
