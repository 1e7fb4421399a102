import type { SecureContext } from 'node:tls';
import type { Clock } from '../../clock';
import type { DownstreamTlsConfig } from '../config/tls-types';
import type { PeerIdentity, ServerTls, TlsError, TlsFailure, TlsSession } from '../transport/tls';
import { alpnWire, secureContexts } from './context';
import { explain, type Side } from './explain';
import { nameOf, readIdentity } from './identity';
import { PeerJudge } from './judge';
import { isNamed } from './names';
import { resolveTls, type ResolvedTls, type Secrets } from './resolve';
import { TicketKeys } from './ticket-keys';

export interface ServerTlsDeps {
  readonly clock: Clock;
  /** What ticket keys are derived from where none are configured; the same in all workers of a process. */
  readonly ticketSecret: () => Uint8Array;
}

/** TLS of a listener's filter chain: its contexts, and what it expects of clients. */
export class ServerTlsContext implements ServerTls {
  readonly context: SecureContext;
  readonly alpn: Buffer | undefined;
  readonly clientCertificate: ServerTls['clientCertificate'];
  readonly contextOf: ServerTls['contextOf'];
  private readonly judgement: PeerJudge;
  private readonly tickets: TicketKeys | undefined;

  /** @throws Error for certificates that the runtime refuses. */
  constructor(private readonly config: DownstreamTlsConfig, secrets: Secrets, { clock, ticketSecret }: ServerTlsDeps) {
    const resolved = resolveTls(config, secrets);
    const identities = resolved.certificates.map(({ chain }) => readIdentity(chain));
    const binding = bindingOf(config, resolved, identities);
    const { constants } = process.getBuiltinModule('node:crypto');
    const contexts = secureContexts(config, resolved, {
      sessionIdContext: binding.slice(0, 32),
      sessionTimeout: Math.ceil(config.sessionTimeout / 1000),
      secureOptions: config.resumption ? 0 : constants.SSL_OP_NO_TICKET,
    });
    [this.context] = contexts;
    this.alpn = alpnWire(config.alpn);
    this.contextOf = contexts.length === 1 ? undefined : (name) => contexts[certificateFor(name, identities)];
    this.clientCertificate = resolved.validation === undefined ? 'none' : config.requireClientCertificate ? 'required' : 'asked';
    this.judgement = new PeerJudge(sideOf(config, resolved, identities), resolved.validation, clock);
    if (config.resumption) this.tickets = new TicketKeys(resolved.ticketKeys?.[0] ?? ticketSecret(), binding, contexts, clock);
  }

  judge(session: TlsSession): TlsFailure | undefined {
    this.tickets?.refresh();
    if (this.config.requireSni && session.serverName === undefined) return { kind: 'protocol', text: 'the client names no server (SNI), which is required' };
    return this.judgement.judge(session, this.clientCertificate === 'required');
  }

  explain(error: TlsError | undefined, done: boolean): TlsFailure {
    return explain(this.judgement.side, error, done);
  }
}

function sideOf(config: DownstreamTlsConfig, { validation }: ResolvedTls, identities: readonly PeerIdentity[]): Side {
  return {
    role: 'server',
    own: identities.map(nameOf).join(', ') || undefined,
    expected: validation?.names ?? [],
    versions: config.minVersion === config.maxVersion ? config.minVersion : `${config.minVersion} to ${config.maxVersion}`,
    alpn: config.alpn,
  };
}

/** A digest of all that a session was agreed under. */
function bindingOf(config: DownstreamTlsConfig, { validation }: ResolvedTls, identities: readonly PeerIdentity[]): string {
  const own = identities.map(({ uris, dnsNames, ipAddresses, subject }) => [uris, dnsNames, ipAddresses, subject]);
  const rules = { own, validation, required: config.requireClientCertificate, alpn: config.alpn, min: config.minVersion, max: config.maxVersion };
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(JSON.stringify(rules)).digest('hex');
}

/** The first certificate that has the name; an exact name before a wildcard; else the first. */
function certificateFor(name: string | undefined, identities: readonly PeerIdentity[]): number {
  if (name === undefined) return 0;
  const host = name.toLowerCase();
  const exact = identities.findIndex(({ dnsNames }) => dnsNames.some((own) => own.toLowerCase() === host));
  if (exact >= 0) return exact;
  return Math.max(0, identities.findIndex(({ dnsNames }) => dnsNames.some((own) => isNamed(host, own))));
}
