import type { Clock, Timer } from '../../clock';
import type { Log } from '../log';
import { discoveryUrl, type KnownIssuers } from '../resolve';

/** The text of a document, from an end that authorities in PEM vouch for, or else the public ones. Rejects where there is none. */
export type FetchDocument = (url: string, authorities: string | undefined) => Promise<string>;

export interface IssuersDependencies {
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly fetch: FetchDocument;
  /** Something else is known now. */
  readonly changed: () => void;
}

/** Where keys are changes rarely, and is announced long before: an hour. */
const REFRESH = 3_600_000;
/** After the first answer that did not come; then ever later. */
const FIRST_RETRY = 1000;
const LONGEST_RETRY = 300_000;

/**
 * Asks OpenID providers where their keys are, and again every hour. What an issuer said last holds for as long as it says nothing else: while it is away
 * nothing changes.
 */
export class Issuers {
  private readonly asked = new Map<string, Asked>();
  private closed = false;

  constructor(private readonly deps: IssuersDependencies) {}

  get known(): KnownIssuers {
    return new Map([...this.asked].flatMap(([issuer, { jwksUri }]): [string, string][] => (jwksUri === undefined ? [] : [[issuer, jwksUri]])));
  }

  /** These are of interest from now on, and no others; each with the authorities that vouch for it, in PEM. */
  ask(issuers: ReadonlyMap<string, string | undefined>): void {
    const said = new Map<string, string | undefined>();
    for (const [issuer, asked] of this.asked) {
      if (issuers.has(issuer) && issuers.get(issuer) === asked.authorities) continue;
      asked.timer?.cancel();
      this.asked.delete(issuer);
      // What it has said stays until it says something else.
      if (issuers.has(issuer)) said.set(issuer, asked.jwksUri);
    }
    if (this.closed) return;
    for (const [issuer, authorities] of issuers) {
      if (this.asked.has(issuer)) continue;
      const asked: Asked = { authorities, jwksUri: said.get(issuer), failures: 0, timer: undefined };
      this.asked.set(issuer, asked);
      void this.askOne(issuer, asked);
    }
  }

  close(): void {
    this.closed = true;
    this.ask(new Map());
  }

  private async askOne(issuer: string, asked: Asked): Promise<void> {
    const { clock, fetch, log, random, changed } = this.deps;
    let jwksUri: string | undefined;
    let problem: string | undefined;
    try {
      jwksUri = jwksUriIn(await fetch(discoveryUrl(issuer), asked.authorities), issuer);
    } catch (error) {
      problem = (error as Error).message;
    }
    // Nobody wants to know any more.
    if (this.asked.get(issuer) !== asked) return;
    asked.failures = problem === undefined ? 0 : asked.failures + 1;
    const wait = problem === undefined ? REFRESH : Math.min(FIRST_RETRY * 2 ** (asked.failures - 1), LONGEST_RETRY);
    asked.timer = clock.setTimer(wait * (0.75 + 0.5 * random()), () => void this.askOne(issuer, asked));
    if (asked.failures === 1) log.warning('openid', 'an issuer does not say where its keys are', { issuer, reason: problem, known: asked.jwksUri ?? 'nothing' });
    if (jwksUri === undefined || jwksUri === asked.jwksUri) return;
    asked.jwksUri = jwksUri;
    log.info('openid', 'an issuer has said where its keys are', { issuer, jwksUri });
    changed();
  }
}

interface Asked {
  readonly authorities: string | undefined;
  jwksUri: string | undefined;
  failures: number;
  timer: Timer | undefined;
}

/** @throws Error where the document is not that of the issuer (RFC 8414 §3.3), or says nothing of its keys, or where they came less safely than it */
export function jwksUriIn(text: string, issuer: string): string {
  let document: { issuer?: unknown; jwks_uri?: unknown } | null;
  try {
    document = JSON.parse(text) as typeof document;
  } catch {
    throw new Error('it answers no JSON');
  }
  const { issuer: named, jwks_uri: uri } = document ?? {};
  if (named !== issuer) throw new Error(`it calls itself ${JSON.stringify(named)}`);
  const url = typeof uri === 'string' && URL.canParse(uri) ? new URL(uri) : undefined;
  if (url === undefined || url.username !== '' || url.password !== '') throw new Error('it has no jwks_uri that is a URL');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && issuer.startsWith('http:'))) throw new Error('its jwks_uri is not https');
  return uri as string;
}
