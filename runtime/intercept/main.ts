import { spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import { OptionsError, parseOptions, USAGE } from './options';
import { rulesText } from './rules';

/** Loads the rules, in one transaction. @throws Error in nft's own words */
function load(rules: string): void {
  const { error, status, stderr } = spawnSync('nft', ['-f', '-'], { input: rules, encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
  if (error) throw new Error(`nft cannot be run: ${error.message}`);
  if (status === 0) return;
  const denied = /Operation not permitted/.test(stderr) ? '\nThe container needs to be root with NET_ADMIN, which pod security "baseline" and "restricted" deny' : '';
  throw new Error(`nft refused the rules: ${stderr.trim()}${denied}`);
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (!options) {
    writeSync(1, USAGE);
  } else {
    const rules = rulesText(options);
    if (!options.print) load(rules);
    writeSync(1, rules);
  }
} catch (error) {
  writeSync(2, `${error instanceof OptionsError ? `${error.message}\n\n${USAGE}` : (error as Error).message}\n`);
  process.exitCode = 1;
}
