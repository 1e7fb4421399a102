/** Writes crds/*.yaml, the CustomResourceDefinitions that src/contract generates. Run by `npx projen crds`, and by each build. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { customResourceDefinitions } from '../src/contract/crd';

const FOLDER = join(__dirname, '..', 'crds');
const HEADER = '# Generated from src/contract by `npx projen crds`. Do not edit: change the schema there.\n';

mkdirSync(FOLDER, { recursive: true });
const written = customResourceDefinitions().map((crd) => {
  const file = `${crd.metadata.name}.yaml`;
  writeFileSync(join(FOLDER, file), HEADER + stringify(crd, { lineWidth: 0, aliasDuplicateObjects: false }));
  return file;
});
for (const stale of readdirSync(FOLDER).filter((file) => !written.includes(file))) rmSync(join(FOLDER, stale));
