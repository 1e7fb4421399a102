import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { decodeBootstrap } from '../../../runtime/proxy/bootstrap/decode';
import { BootstrapError } from '../../../runtime/proxy/bootstrap/types';
import { decodeRouteTable } from '../../../runtime/proxy/config/decode';
import { ConfigStore, DISCOVERED } from '../../../runtime/proxy/config/store';
import { compileRouteTable } from '../../../runtime/proxy/route';
import {
  AnySchema, ClusterLoadAssignmentSchema, ClusterSchema, create, decode, encode, fromJson, isMessage, ListenerSchema, RouteConfigurationSchema,
  schemaOf, SecretSchema, TypeUrl, type Schema,
} from '../../../runtime/xds';
import { decodeMessage } from '../../runtime/proxy/config/decode-message';
import type { Target } from '../engine';
import { check } from './support';

const TESTDATA = join(process.cwd(), 'test/testdata/proxy');
const SCHEMA_OF: Record<(typeof DISCOVERED)[number], Schema> = {
  [TypeUrl.CDS]: ClusterSchema, [TypeUrl.EDS]: ClusterLoadAssignmentSchema, [TypeUrl.LDS]: ListenerSchema, [TypeUrl.RDS]: RouteConfigurationSchema,
  [TypeUrl.SDS]: SecretSchema,
};
const SCHEMAS = DISCOVERED.map((type) => SCHEMA_OF[type]);

function inputs(folder: string): { text: string; documents: unknown[] }[] {
  return readdirSync(join(TESTDATA, folder)).filter((name) => name.endsWith('.in.yaml')).map((name) => {
    const text = readFileSync(join(TESTDATA, folder, name), 'utf8');
    return { text, documents: parseAllDocuments(text).map((document) => document.toJS() as unknown) };
  });
}

/** The goldens' resources, each behind a byte that says which type it is. */
function resourceSeeds(): Buffer[] {
  return inputs('decode').flatMap(({ documents }) => documents).map((document) => {
    const { '@type': type, ...fields } = document as { '@type': string };
    const schema = schemaOf(type)!;
    return Buffer.concat([Buffer.from([SCHEMAS.indexOf(schema)]), encode(schema, fromJson(schema, fields as never))]);
  });
}

/** What a resource means; a map has no order (protobuf), so neither have the problems of its entries. */
function meaningOf(message: Parameters<typeof decodeMessage>[0]): unknown {
  const { value, problems } = decodeMessage(message);
  return { value, problems: [...problems].sort() };
}

/** A resource of any bytes: it is taken or refused with reasons, the same after it went over the wire once more; what is taken can be compiled. */
function takesOrRefuses(input: Buffer): void {
  if (input.length === 0) return;
  const which = input[0] % SCHEMAS.length;
  const schema = SCHEMAS[which];
  const value = Uint8Array.from(input.subarray(1));
  const store = new ConfigStore({ onSnapshot: () => undefined, onDns: () => undefined });
  let message;
  try {
    message = decode(schema, value);
  } catch {
    // Not protobuf: the store says so.
  }
  const { name = '', clusterName = '' } = (message ?? {}) as { name?: string; clusterName?: string };
  const resource = create(AnySchema, { typeUrl: DISCOVERED[which], value });
  const update = { type: DISCOVERED[which], resources: [{ name: name || clusterName, version: '1', resource }], removed: [] };
  for (const { problems } of store.update(update)) {
    if (problems.length === 0 || problems.some((problem) => problem === '')) throw new Error('refused without a reason');
  }
  if (message === undefined) return;
  check(meaningOf(decode(schema, encode(schema, message))), meaningOf(message), 'the wire changes what a resource means');
  if (!isMessage(message, RouteConfigurationSchema)) return;
  const table = decodeRouteTable(message).value;
  if (table !== undefined) compileRouteTable(table, { random: () => 0.5 });
}

export const xds: Target = {
  name: 'xds',
  run: takesOrRefuses,
  seeds: resourceSeeds(),
  dictionary: [TypeUrl.CDS, 'type.googleapis.com/', 'envoy.', '\x0a\x00', '\x12\x02', '*', '.*', '(a|b)+', '\xff\xff\xff\xff\x0f', '\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01', '/', 'http', '%REQ(', '%'].map((text) => Buffer.from(text, 'latin1')),
  steps: { base: 3_000_000, perByte: 20_000 },
};

/** A bootstrap of any JSON: it is taken, or refused with all its problems. */
function startsOrRefuses(input: Buffer): void {
  let json: unknown;
  try {
    json = JSON.parse(input.toString('utf8'));
  } catch {
    return;
  }
  try {
    decodeBootstrap(json, 'fuzz.json');
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    if (error.problems.length === 0 || error.problems.some((problem) => problem === '')) throw new Error('refused without a reason', { cause: error });
  }
}

export const bootstrap: Target = {
  name: 'bootstrap',
  run: startsOrRefuses,
  seeds: inputs('bootstrap').map(({ text }) => Buffer.from(JSON.stringify(parse(text, { merge: true })))),
  dictionary: ['null', 'true', '1e99', '-1', '""', '[]', '{}', '"@type":', '"type.googleapis.com/google.protobuf.Any"', '"1s"', '"__proto__":{}', '"constructor":1', '\\u0000'].map((text) => Buffer.from(text)),
  steps: { base: 10_000_000, perByte: 50_000 },
};
