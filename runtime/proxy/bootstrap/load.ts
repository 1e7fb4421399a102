import { readFileSync } from 'node:fs';
import type { CommandLine } from './command-line';
import { decodeBootstrap } from './decode';
import { mergeJson } from './json';
import { BootstrapError, type BootstrapConfig } from './types';

/**
 * Reads what the command line names: the file, in JSON or YAML, and the YAML that is merged over it.
 * @throws BootstrapError with everything that is wrong.
 */
export async function loadBootstrap({ configPath, configYaml, node }: Pick<CommandLine, 'configPath' | 'configYaml' | 'node'>): Promise<BootstrapConfig> {
  let document: unknown;
  if (configPath !== undefined) document = await parseDocument(readText(configPath), configPath);
  if (configYaml !== undefined) document = mergeJson(document ?? {}, await parseDocument(configYaml, '--config-yaml'));
  return decodeBootstrap(document ?? {}, configPath ?? '--config-yaml', node);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new BootstrapError(path, [(error as Error).message]);
  }
}

async function parseDocument(text: string, source: string): Promise<unknown> {
  try {
    // JSON is read as such: the YAML parser is only loaded by those who need it.
    if (text.trimStart().startsWith('{')) {
      try {
        return JSON.parse(text) as unknown;
      } catch (error) {
        if (source.endsWith('.json')) throw error;
      }
    }
    const { parse } = await import('yaml');
    return (parse(text) as unknown) ?? {};
  } catch (error) {
    throw new BootstrapError(source, [(error as Error).message]);
  }
}
