import type { SecureContext } from 'node:tls';
import type { Clock } from '../../clock';
import type { NameMatchConfig, UpstreamTlsConfig, ValidationConfig } from '../config/tls-types';
import type { ClientTls, TlsFailure } from '../transport/tls';
import { alpnWire, secureContexts } from './context';
import { explain } from './explain';
import { nameOf, readIdentity } from './identity';
import { PeerJudge } from './judge';
import { resolveTls, type Secrets } from './resolve';
import { TlsStats } from './stats';

/** Hosts whose sessions are remembered; the one that was heard of longest ago is forgotten. */
const HOSTS = 1024;

interface RememberedSession {
  readonly session: Buffer;
  /** Of the peer that it was agreed with. */
  readonly certificate: Buffer;
}

/** What is offered by ALPN, and who judges what came of it: errors say what was offered. */
interface Offer {
  readonly wire: Buffer | undefined;
  readonly judge: PeerJudge;
}

/**
 * TLS of a cluster: its context, what it expects of endpoints, and the sessions that they gave. A change of any of it is another context, so no
 * session outlives a change.
 */
export class ClientTlsContext {
  private readonly context: SecureContext;
  private readonly offer: Offer;
  /** Offers other than the configuration's own, by what is in them. */
  private readonly offers = new Map<string, Offer>();
  private readonly judgeOf: (alpn: readonly string[]) => PeerJudge;
  private readonly sessions = new Map<string, RememberedSession>();

  /** @throws Error for certificates that the runtime refuses. */
  constructor(private readonly config: UpstreamTlsConfig, secrets: Secrets, clock: Clock, private readonly stats = new TlsStats()) {
    const resolved = resolveTls(config, secrets);
    [this.context] = secureContexts(config, resolved, {});
    const [own] = resolved.certificates;
    const validation = withSni(resolved.validation, config);
    const side = {
      role: 'client',
      own: own && nameOf(readIdentity(own.chain)),
      expected: validation?.names ?? [],
      versions: config.minVersion === config.maxVersion ? config.minVersion : `${config.minVersion} to ${config.maxVersion}`,
    } as const;
    this.judgeOf = (alpn) => new PeerJudge({ ...side, alpn }, validation, clock);
    this.offer = this.offerOf(config.alpn);
  }

  private offerOf(alpn: readonly string[]): Offer {
    return { wire: alpnWire(alpn), judge: this.judgeOf(alpn) };
  }

  private otherOffer(alpn: readonly string[]): Offer {
    const key = alpn.join();
    let offer = this.offers.get(key);
    if (offer === undefined) this.offers.set(key, offer = this.offerOf(alpn));
    return offer;
  }

  /** For one connection to a host. @param alpn what is offered in place of what the configuration says */
  to(host: string, alpn?: readonly string[]): ClientTls {
    const remembered = this.sessions.get(host);
    let certificate: Buffer | undefined;
    let early: Buffer | undefined;
    const { context, config } = this;
    const { wire, judge } = alpn === undefined ? this.offer : this.otherOffer(alpn);
    return {
      context,
      alpn: wire,
      serverName: config.sni,
      session: remembered?.session,
      onSession: config.maxSessionKeys === 0 ? undefined : (session) => {
        if (certificate === undefined) early = session;
        else this.remember(host, { session, certificate });
      },
      judge: (session) => {
        // Of a resumed session the library keeps the peer's certificate to itself.
        if (session.reused) session.certificate ??= remembered?.certificate;
        const failure = judge.judge(session, true);
        if (failure !== undefined) return this.failed(host, failure);
        certificate = session.certificate;
        this.stats.done(session.version, session.reused, true);
        if (early !== undefined && certificate !== undefined) this.remember(host, { session: early, certificate });
        return undefined;
      },
      explain: (error, done) => this.failed(host, explain(judge.side, error, done)),
    };
  }

  private failed(host: string, failure: TlsFailure): TlsFailure {
    this.sessions.delete(host);
    this.stats.failed(failure);
    return failure;
  }

  private remember(host: string, session: RememberedSession): void {
    const { sessions } = this;
    sessions.delete(host);
    if (sessions.size >= HOSTS) sessions.delete(sessions.keys().next().value!);
    sessions.set(host, session);
  }
}

/** auto_sni_san_validation: the name that is asked for takes the place of all other names. */
function withSni(validation: ValidationConfig | undefined, { nameIsSni, sni }: UpstreamTlsConfig): ValidationConfig | undefined {
  if (validation === undefined || !nameIsSni || sni === undefined) return validation;
  const names: NameMatchConfig[] = [{ type: 'dns', match: { kind: 'exact', value: sni, ignoreCase: true } }];
  return { ...validation, names };
}
