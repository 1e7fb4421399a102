import type { DigestDirection, HeaderMutation, HttpFilterConfig } from '../../config/types';
import type { HttpFilter } from '../types';
import { CompressorFilter } from './compressor';
import { DigestFilter } from './digest';

export { CompressorFilter, CompressorStats } from './compressor';
export { DigestFilter, DigestStats } from './digest';

/** What is done with the bodies of a route's requests and answers. */
export interface BodyPlan {
  /** Those that are on, in the order of the chain. */
  readonly compressors: readonly ActiveCompressor[];
  readonly request: ActiveDigest | undefined;
  readonly response: ActiveDigest | undefined;
  /** Upstreams do not hear what the client accepts. */
  readonly removesAcceptEncoding: boolean;
}

export interface ActiveCompressor {
  readonly filter: CompressorFilter;
  readonly config: NonNullable<CompressorFilter['config']>;
  readonly coding: string;
  readonly chooseFirst: boolean;
}

export interface ActiveDigest extends DigestDirection {
  readonly filter: DigestFilter;
}

type RouteFilters = ReadonlyMap<string, HttpFilterConfig>;

/** The filters of a chain that have to do with bodies. */
export class BodyFilters {
  /** Of routes without configuration of their own. */
  private readonly common: BodyPlan | undefined;
  private readonly byRoute = new WeakMap<RouteFilters, { readonly plan: BodyPlan | undefined }>();

  constructor(private readonly filters: readonly (CompressorFilter | DigestFilter)[]) {
    this.common = this.plan(undefined);
  }

  /** Undefined where bodies of that route pass as they are. */
  of(own: RouteFilters): BodyPlan | undefined {
    if (own.size === 0) return this.common;
    let known = this.byRoute.get(own);
    if (known === undefined) this.byRoute.set(own, known = { plan: this.plan(own) });
    return known.plan;
  }

  private plan(own: RouteFilters | undefined): BodyPlan | undefined {
    const compressors: ActiveCompressor[] = [];
    let request: ActiveDigest | undefined, response: ActiveDigest | undefined;
    for (const filter of this.filters) {
      const ofRoute = own?.get(filter.name);
      if (filter instanceof CompressorFilter) {
        const { config } = filter;
        if (config === undefined || ofRoute !== undefined) continue;
        compressors.push({ filter, config, coding: config.library.coding, chooseFirst: config.chooseFirst });
        continue;
      }
      const config = ofRoute === undefined ? filter.config : ofRoute.kind === 'digest' ? ofRoute.config : undefined;
      if (config === undefined) continue;
      if (isOn(config.request)) request = { ...config.request, filter };
      if (isOn(config.response)) response = { ...config.response, filter };
    }
    if (compressors.length === 0 && request === undefined && response === undefined) return undefined;
    return { compressors, request, response, removesAcceptEncoding: compressors.some(({ config }) => config.removeAcceptEncoding) };
  }
}

function isOn({ makeContentDigest, makeReprDigest, verify }: DigestDirection): boolean {
  return makeContentDigest || makeReprDigest || verify;
}

/** Undefined where there is none, and bodies are nobody's business. */
export function compileBodyFilters(filters: readonly HttpFilter[]): BodyFilters | undefined {
  const ofBodies = filters.filter((filter) => filter instanceof CompressorFilter || filter instanceof DigestFilter);
  return ofBodies.length === 0 ? undefined : new BodyFilters(ofBodies);
}

const NOTHING: HeaderMutation = { remove: [], set: [], append: [] };
const without = new WeakMap<HeaderMutation, HeaderMutation>();

/** `mutation`, and Accept-Encoding removed. */
export function withoutAcceptEncoding(mutation: HeaderMutation = NOTHING): HeaderMutation {
  let made = without.get(mutation);
  if (made === undefined) without.set(mutation, made = { ...mutation, remove: [...mutation.remove, 'accept-encoding'] });
  return made;
}

/** `mutation`, and another field. */
export function withField(mutation: HeaderMutation | undefined, name: string, value: string): HeaderMutation {
  const { append, ...rest } = mutation ?? NOTHING;
  return { ...rest, append: [...append, { name, value }] };
}
