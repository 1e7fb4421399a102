// Writes docs/xds-subset.md, the subset of xDS that the proxy takes, from the table that it checks by: npx ts-node scripts/generate-xds-table.ts
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SUBSET_PAGE } from '../runtime/proxy/config/accepted';
import { subsetPage } from '../runtime/proxy/config/accepted/page';

const file = join(__dirname, '..', SUBSET_PAGE);
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, subsetPage());
